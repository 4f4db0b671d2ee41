using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("delora", """{"r": 4, "delora_lambda": 4, "module_dropout": 0.1}""", LearningRate = 0.02)]
[assembly: PeftCase("delora", "delora", "DeloraConfig", """{"r": 3, "delora_lambda": 2}""")]
[assembly: PeftCase("delora", "delora-patterns", "DeloraConfig", """{"bert": {"rank_pattern": {"query": 1}, "lambda_pattern": {"key": 3}}, "llama": {"rank_pattern": {"q_proj": 1}, "lambda_pattern": {"k_proj": 3}}}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>DeLoRA (Bini et al. 2025).</summary>
public sealed class DeLoraTests
{
    [Fact]
    public void ItsUpdate_IsTheSumOfUnitOuterProducts_ScaledByStrengthAndColumnNorms()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DeLoraOptions { R = 3, DeloraLambda = 6 }, out var site);
        var (a, b) = (layer.Value("delora_A"), layer.Value("delora_B"));
        var expected = zeros(5, 6);
        for (var k = 0; k < 3; k++) expected.add_(outer(Unit(b[.., k]), Unit(a[k])), alpha: 2);
        var norms = (site.Weight.Value * site.Weight.Value).sum([0]).sqrt();
        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected * norms), 0, 1e-5);
        var x = randn(2, 4, 6);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), site.Base(x) + nn.functional.linear(x, expected * norms)), 0, 1e-5);

        static Tensor Unit(Tensor vector) => vector / vector.norm();
    }

    [Fact]
    public void HoweverLargeItsFactors_TheStrengthBoundsIt()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DeLoraOptions { R = 3, DeloraLambda = 6 }, out var site);
        var before = layer.DeltaWeight();
        layer.Value("delora_A").mul_(1000);
        layer.Value("delora_B").mul_(0.01);
        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), before), 0, 1e-5);

        // |Σ bₖaₖ| is at most r where each of them is 1.
        var norms = (site.Weight.Value * site.Weight.Value).sum([0]).sqrt();
        Assert.InRange((before / norms).norm().ToDouble(), 0.1, 6 + 1e-4);

        // The negative control: the strength itself does move the bound.
        layer.Value("delora_lambda").mul_(2);
        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), 2 * before), 0, 1e-5);
    }

    [Fact]
    public void TheColumnNorms_AreThoseOfTheUntouchedWeight_AndStayWhenItIsMerged()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DeLoraOptions(), out var site);
        var norms = (site.Weight.Value * site.Weight.Value).sum([0]).sqrt();
        var kept = Assert.Single(layer.Frozen);
        Assert.Equal("delora_w_norm", kept.Name);
        Assert.InRange(Torch.RelativeError(kept.Value, norms), 0, 1e-6);
        layer.Merge();
        Assert.InRange(Torch.RelativeError(kept.Value, norms), 0, 1e-6);
    }

    [Fact]
    public void ANewOne_TrainsBAlone_FromAFiniteStart()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "delora");
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 1 });
        foreach (var layer in model.Adapted!.Layers)
        {
            Assert.All(layer.Weights, weight => Assert.True(weight.Value.grad!.isfinite().all().ToBoolean()));
            Assert.Equal([false, true, false], layer.Weights.Select(weight => weight.Value.grad!.abs().max().ToSingle() > 0));
        }
    }

    private static AdapterLayer Layer(DeLoraOptions options, out Projection site)
    {
        site = VariantLayers.Site(6, 5);
        var layer = new DeLora().Wrap(site, options);
        foreach (var weight in layer.Weights.Take(2)) weight.Value.normal_(0, 0.5);
        return layer;
    }
}

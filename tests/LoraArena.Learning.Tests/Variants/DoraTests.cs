using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("dora", "{}", GradientIsNotTheSlope = true)]
[assembly: PeftCase("dora", "dora", "LoraConfig", """{"r": 4, "lora_alpha": 6, "use_dora": true}""")]
[assembly: PeftCase("dora", "dora-rslora", "LoraConfig", """{"r": 4, "lora_alpha": 6, "use_dora": true, "use_rslora": true, "rank_pattern": {"query": 2, "q_proj": 3}}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>DoRA (Liu et al. 2024): its norms, magnitudes and gradients against the definition, written out.</summary>
public sealed class DoraTests
{
    private static readonly ForwardMode TrainingMode = new(true, 0, 0, 0);

    [Fact]
    public void ANewLayer_RescalesNothing()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DoraOptions(), randomise: false);
        Assert.InRange((layer.Magnitude.Value / layer.NormO() - 1).abs().max().ToDouble(), 0, 1e-6);
    }

    [Fact]
    public void TheNorm_IsThatOfTheWholeWeight_AlsoAfterTraining()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DoraOptions { R = 4, LoraAlpha = 12 });
        var direction = layer.Site.Weight.Value + (3 * mm(layer.B.Value, layer.A.Value));
        Assert.InRange(Torch.RelativeError(layer.NormO(), direction.square().sum(1).sqrt()), 0, 1e-6);

        using var model = TinyTraining.Model("bert-tiny", "dora");
        using (enable_grad()) TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 30 });
        foreach (var trained in model.Adapted!.Layers.Cast<DoraLayer>())
        {
            var whole = trained.Site.Weight.Value + (trained.Scale * mm(trained.B.Value, trained.A.Value));
            Assert.InRange(Torch.RelativeError(trained.NormO(), whole.square().sum(1).sqrt()), 0, 1e-6);
            Assert.True(Torch.RelativeError(trained.NormO(), trained.Site.Weight.Value.square().sum(1).sqrt()) > 1e-4);
        }
    }

    [Fact]
    public void TheMergedWeightsRows_AreAsLongAsTheMagnitudes()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DoraOptions { R = 4 });
        layer.Magnitude.Value.add_(randn_like(layer.Magnitude.Value));
        var magnitude = layer.Magnitude.Value.abs();
        layer.Merge();
        Assert.InRange(Torch.RelativeError(layer.Site.Weight.Value.square().sum(1).sqrt(), magnitude), 0, 1e-6);
    }

    [Theory]
    [InlineData("adapter", 0.0)]
    [InlineData("whole", 0.0)]
    [InlineData("whole", 0.4)]
    public void GradientsAndValue_AreThoseOfTheDefinition(string path, double dropout)
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(new DoraOptions { R = 3, LoraAlpha = 6, LoraDropout = dropout, DoraDropoutPath = path });
        foreach (var weight in layer.Weights) weight.Value.requires_grad_();
        var x = randn(7, 6).requires_grad_();
        var direction = randn(7, 5);
        manual_seed(3);
        var y = layer.Forward(x, TrainingMode);
        (y * direction).sum().backward();
        var gradients = layer.Weights.Select(w => w.Value.grad!.clone()).Append(x.grad!.clone()).ToList();

        // Independent: PEFT's way, base + (c − 1) (dropped W) + c s B A dropped, the norm a constant.
        var (w, a, b, m) = (
            layer.Site.Weight.Value, layer.A.Value.detach().requires_grad_(), layer.B.Value.detach().requires_grad_(),
            layer.Magnitude.Value.detach().requires_grad_());
        var input = x.detach().requires_grad_();
        manual_seed(3);
        var dropped = dropout > 0 ? nn.functional.dropout(input, dropout, training: true) : input;
        var norm = (w + (2 * mm(b, a))).detach().square().sum(1).sqrt();
        var c = m / norm;
        var expected = nn.functional.linear(input, w) + layer.Site.Bias!.Value + ((c - 1) * nn.functional.linear(dropped, w)) + (c * 2 * mm(mm(dropped, a.t()), b.t()));
        (expected * direction).sum().backward();
        Assert.InRange(Torch.RelativeError(y, expected), 0, 1e-5);
        foreach (var (mine, theirs) in gradients.Zip(new[] { a.grad!, b.grad!, m.grad!, input.grad! }))
        {
            Assert.InRange(Torch.RelativeError(mine, theirs), 0, 1e-5);
        }
    }

    [Fact]
    public void ScalingWeightAndUpdateTogether_ChangesNothing()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DoraOptions { R = 4 });
        var x = randn(5, 6);
        var before = layer.Forward(x, ForwardMode.Inference) - layer.Site.Bias!.Value;
        using var larger = Layer(new DoraOptions { R = 4 });
        larger.Site.Weight.Value.copy_(3 * layer.Site.Weight.Value);
        larger.A.Value.copy_(layer.A.Value);
        larger.B.Value.copy_(3 * layer.B.Value);
        larger.Magnitude.Value.copy_(layer.Magnitude.Value);
        Assert.InRange(Torch.RelativeError(larger.Forward(x, ForwardMode.Inference) - larger.Site.Bias!.Value, before), 0, 1e-5);
    }

    [Fact]
    public void ARowOfZeros_StaysWhole_InsteadOfDividingByZero()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var weight = randn(5, 6);
        weight[2].zero_();
        var site = new Projection("site", new Weight("weight", weight), bias: null);
        using var layer = new DoraLayer(site, new DoraOptions(), new VariantContext(1, 0));
        var x = randn(4, 6);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, TrainingMode), site.Base(x)), 0, 1e-6);
    }

    [Fact]
    public void TheNormIsKeptWithinAStep_AndForgottenAfterIt()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new DoraOptions { R = 4 });
        var before = layer.NormO().clone();
        layer.B.Value.mul_(2);
        Assert.True(layer.NormO().Equals(before));
        layer.FactorsHaveMoved();
        Assert.True(Torch.RelativeError(layer.NormO(), before) > 1e-3);
    }

    [Fact]
    public void MagnitudesAreNotDecayed()
    {
        using var model = TinyTraining.Model("bert-tiny", "dora");
        Assert.All(
            model.Adapted!.Weights,
            w => Assert.Equal(!w.Key.EndsWith("lora_magnitude_vector", StringComparison.Ordinal), model.Adapted.GroupOf(w.Weight).Decays));
    }

    private static DoraLayer Layer(DoraOptions options, bool randomise = true)
    {
        manual_seed(11);
        var site = new Projection("site", new Weight("weight", randn(5, 6)), new Weight("bias", randn(5)));
        var layer = new DoraLayer(site, options, new VariantContext(1, 0));
        site.Adapter = layer;
        if (!randomise) return layer;
        using var noGrad = no_grad();
        foreach (var weight in new[] { layer.A, layer.B }) weight.Value.copy_(randn_like(weight.Value));
        return layer;
    }
}

using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("gralora", """{"r": 4, "alpha": 8, "hybrid_r": 2, "gralora_dropout": 0.1}""", LearningRate = 0.02)]
[assembly: PeftCase("gralora", "gralora", "GraloraConfig", """{"r": 4, "alpha": 6}""")]
[assembly: PeftCase("gralora", "gralora-hybrid", "GraloraConfig", """{"r": 8, "alpha": 6, "gralora_k": 4, "hybrid_r": 3}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>GraLoRA (Jung et al. 2025).</summary>
public sealed class GraLoraTests
{
    [Fact]
    public void EachBlock_HasItsOwnProduct()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 4);
        using var layer = new GraLora().Wrap(site, new GraLoraOptions { R = 4, Alpha = 12 });
        VariantLayers.Randomise(layer);
        var (a, b) = (layer.Value("gralora_A"), layer.Value("gralora_B"));
        var expected = zeros(4, 6);
        for (var input = 0; input < 2; input++)
        {
            for (var output = 0; output < 2; output++)
            {
                // Rank 2 of the 4 for each pair: A's by the output block, B's by the input block.
                var product = mm(a[input].narrow(1, 2 * output, 2), b[output].narrow(0, 2 * input, 2));
                expected.narrow(0, 2 * output, 2).narrow(1, 3 * input, 3).copy_(3 * product.t());
            }
        }

        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected), 0, 1e-5);
        foreach (var x in new[] { randn(5, 6), randn(2, 3, 6) })
        {
            Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), site.Base(x) + nn.functional.linear(x, expected)), 0, 1e-5);
        }
    }

    [Fact]
    public void WithOneBlock_ItIsLora_AndWithMoreItsRankIsHigherForAsManyNumbers()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (one, four) = (Update(1), Update(4));
        Assert.Equal([2, 8], new[] { Rank(one), Rank(four) });
        Assert.Equal(
            new GraLora().ParametersOf(new SiteShape("x", 12, 8), new GraLoraOptions { R = 4, GraloraK = 1 }),
            new GraLora().ParametersOf(new SiteShape("x", 12, 8), new GraLoraOptions { R = 4, GraloraK = 4 }));

        static Tensor Update(int blocks)
        {
            using var layer = new GraLora().Wrap(VariantLayers.Site(12, 8), new GraLoraOptions { R = blocks == 1 ? 2 : 4, GraloraK = blocks });
            VariantLayers.Randomise(layer);
            return layer.DeltaWeight();
        }

        static int Rank(Tensor matrix) => linalg.svdvals(matrix).data<float>().ToArray().Count(s => s > 1e-4);
    }

    [Fact]
    public void ItsHybrid_AddsAnOrdinaryLoraUnderTheSameScale()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 4);
        using var layer = new GraLora().Wrap(site, new GraLoraOptions { R = 4, HybridR = 2, Alpha = 12 });
        VariantLayers.Randomise(layer);
        layer.Value("gralora_B").zero_();
        Assert.InRange(Torch.RelativeError(
            layer.DeltaWeight(), 2 * mm(layer.Value("gralora_B_general.weight"), layer.Value("gralora_A_general.weight"))), 0, 1e-5);
    }

    [Fact]
    public void WidthsAndRanksThatDoNotDivide_AreRefused()
    {
        Assert.Equal(
            "gralora_k 3 does not divide r 4.",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("gralora").ReadOptions(new() { ["r"] = 4, ["gralora_k"] = 3 })).Message);
        Assert.Equal(
            "gralora_k is 3, but site is 4 × 6; set gralora_k to a divisor of both.",
            Assert.Throws<OptionException>(() => new GraLora().Wrap(VariantLayers.Site(6, 4), new GraLoraOptions { R = 3, GraloraK = 3 })).Message);
    }
}

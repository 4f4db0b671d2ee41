using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("loha", """{"r": 2, "alpha": 4, "rank_dropout": 0.1, "module_dropout": 0.1}""", LearningRate = 0.02)]
[assembly: TinyVariant("lokr", """{"r": 2, "alpha": 4, "rank_dropout": 0.1, "rank_dropout_scale": true}""", LearningRate = 0.02)]
[assembly: PeftCase("loha", "loha", "LoHaConfig", """{"r": 3, "alpha": 7}""")]
[assembly: PeftCase("loha", "loha-patterns", "LoHaConfig", """{"bert": {"rank_pattern": {"query": 1, "intermediate.dense": 5}, "alpha_pattern": {"key": 3}}, "llama": {"rank_pattern": {"q_proj": 1, "up_proj": 5}, "alpha_pattern": {"k_proj": 3}}}""")]
[assembly: PeftCase("lokr", "lokr", "LoKrConfig", """{"r": 2, "alpha": 3}""")]
[assembly: PeftCase("lokr", "lokr-whole", "LoKrConfig", "{}")]
[assembly: PeftCase("lokr", "lokr-both", "LoKrConfig", """{"r": 1, "alpha": 1, "decompose_both": true, "init_weights": "lycoris", "rank_pattern": {"query": 2, "q_proj": 2}}""")]
[assembly: PeftCase("lokr", "lokr-factor", "LoKrConfig", """{"r": 2, "decompose_factor": 5}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>LoHa (Hyeon-Woo et al. 2021) and LoKr (Yeh et al. 2023), as PEFT has them.</summary>
public sealed class LycorisTests
{
    // The wide one is computed from thin factors, the narrow one as a whole matrix.
    [Theory]
    [InlineData(6, 5, 2)]
    [InlineData(40, 50, 2)]
    public void LoHa_IsTheScaledProductEntryByEntry(int inFeatures, int outFeatures, int rank)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(inFeatures, outFeatures);
        using var layer = new LoHa().Wrap(site, new LoHaOptions { R = rank, Alpha = 3 });
        VariantLayers.Randomise(layer);
        var (a1, b1, a2, b2) = (layer.Value("hada_w1_a"), layer.Value("hada_w1_b"), layer.Value("hada_w2_a"), layer.Value("hada_w2_b"));
        var expected = zeros(outFeatures, inFeatures);
        for (var k = 0; k < rank; k++)
        {
            for (var l = 0; l < rank; l++) expected.add_(outer(a1[.., k], b1[k]) * outer(a2[.., l], b2[l]), alpha: 3.0 / rank);
        }

        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected), 0, 1e-5);
        var x = randn(2, 3, inFeatures);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), site.Base(x) + nn.functional.linear(x, expected)), 0, 1e-5);

        // Its rank is the square of the factors', and no more.
        var singular = linalg.svdvals(layer.DeltaWeight()).data<float>().ToArray();
        Assert.True(singular[(rank * rank) - 1] > 0.01 && singular[rank * rank] < 1e-5 * singular[0]);
    }

    [Fact]
    public void LoHa_TrainsItsLastFactorAloneInTheFirstStep()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "loha", new() { ["rank_dropout"] = 0.0, ["module_dropout"] = 0.0 });
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 1 });
        foreach (var layer in model.Adapted!.Layers)
        {
            Assert.Equal([false, false, false, true], layer.Weights.Select(w => w.Value.grad!.abs().max().ToSingle() > 0));
        }
    }

    [Theory]
    [InlineData(12, 20, 1, -1, false)]
    [InlineData(12, 20, 8, -1, false)]
    [InlineData(35, 36, 1, -1, true)]
    [InlineData(12, 20, 1, 4, true)]
    public void LoKr_IsTheScaledKroneckerProduct(int inFeatures, int outFeatures, int rank, int factor, bool both)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(inFeatures, outFeatures);
        using var layer = new LoKr().Wrap(site, new LoKrOptions { R = rank, Alpha = 3, DecomposeFactor = factor, DecomposeBoth = both });
        VariantLayers.Randomise(layer);
        var (first, second) = (Whole("lokr_w1"), Whole("lokr_w2"));
        var x = randn(2, 3, inFeatures);
        var expected = empty(outFeatures, inFeatures);
        for (var o = 0; o < outFeatures; o++)
        {
            for (var i = 0; i < inFeatures; i++)
            {
                expected[o, i] = 3.0 / rank * first[o / second.shape[0], i / second.shape[1]] * second[o % second.shape[0], i % second.shape[1]];
            }
        }

        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), site.Base(x) + nn.functional.linear(x, expected)), 0, 1e-5);

        Tensor Whole(string name) => layer.Weights.Any(w => w.Name == name) ? layer.Value(name) : mm(layer.Value(name + "_a"), layer.Value(name + "_b"));
    }

    // As lycoris' and PEFT's function of the name factorization gives them.
    [Theory]
    [InlineData(256, -1, 16, 16)]
    [InlineData(128, -1, 8, 16)]
    [InlineData(127, -1, 1, 127)]
    [InlineData(128, 4, 4, 32)]
    [InlineData(24, 5, 4, 6)]
    [InlineData(24, 48, 4, 6)]
    [InlineData(24, 12, 12, 2)]
    public void LoKr_SplitsAWidth(int width, int factor, int small, int large)
    {
        using var layer = new LoKr().Wrap(VariantLayers.Site(7, width), new LoKrOptions { R = 1000, DecomposeFactor = factor });
        Assert.Equal((small, large), ((int)layer.Value("lokr_w1").shape[0], (int)layer.Value("lokr_w2").shape[0]));
    }

    [Theory]
    [InlineData("default", "lokr_w1")]
    [InlineData("lycoris", "lokr_w2_b")]
    public void LoKr_StartsWithOneFactorAtZero(string start, string zero)
    {
        using var scope = NewDisposeScope();
        using var layer = new LoKr().Wrap(VariantLayers.Site(12, 20), new LoKrOptions { R = 1, InitWeights = start });
        Assert.Equal([zero], layer.Weights.Where(w => w.Value.abs().max().ToSingle() == 0).Select(w => w.Name));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RankDropout_LeavesWholeOutputFeaturesOut(bool rescales)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(12, 20);
        using var layer = new LoKr().Wrap(site, new LoKrOptions { RankDropout = 0.5, RankDropoutScale = rescales });
        VariantLayers.Randomise(layer);
        var x = randn(7, 12);
        var whole = layer.Forward(x, ForwardMode.Inference) - site.Base(x);
        var ratioNO = (layer.Forward(x, VariantLayers.Training) - site.Base(x)) / whole;
        var ratios = ratioNO.mean([0]).data<float>().ToArray();
        var kept = ratios.Where(r => r > 0.1).ToArray();
        Assert.InRange(kept.Length, 4, 16);
        Assert.All(ratios, r => Assert.True(r is < 1e-4f || Math.Abs(r - (rescales ? 20.0 / kept.Length : 1)) < 1e-3));
        Assert.InRange((ratioNO - ratioNO[0]).abs().max().ToSingle(), 0, 0.01);
    }

    [Fact]
    public void ModuleDropout_LeavesAllOrNothingOut()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(12, 20);
        using var layer = new LoHa().Wrap(site, new LoHaOptions { R = 2, ModuleDropout = 0.3 });
        VariantLayers.Randomise(layer);
        var x = randn(7, 12);
        var (with, without) = (layer.Forward(x, ForwardMode.Inference), site.Base(x));
        var left = 0;
        for (var i = 0; i < 200; i++)
        {
            var y = layer.Forward(x, VariantLayers.Training);
            var isLeft = y.Equals(without);
            if (isLeft) left++;
            else Assert.InRange(Torch.RelativeError(y, with), 0, 1e-6);
        }

        Assert.InRange(left, 35, 85);
    }

    [Theory]
    [InlineData("loha", "rank_pattern", "query=2.5", "rank_pattern gives 'query' the rank 2.5; a whole number from 1 to 1024 is needed.")]
    [InlineData("lokr", "alpha_pattern", "x", "alpha_pattern 'x' cannot be read")]
    public void APatternThatCannotBe_IsRefused(string variant, string name, string value, string sentence)
        => Assert.Contains(
            sentence, Assert.Throws<OptionException>(() => VariantCatalog.Get(variant).ReadOptions(new() { [name] = value })).Message,
            StringComparison.Ordinal);
}

using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("hira", """{"r": 4, "hira_dropout": 0.1}""", LearningRate = 0.05)]
[assembly: PeftCase("hira", "hira", "HiraConfig", """{"r": 4}""")]
[assembly: PeftCase("hira", "hira-pattern-unheard", "HiraConfig", """{"r": 3, "init_weights": "gaussian", "rank_pattern": {"query": 1, "q_proj": 1}}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>HiRA (Huang et al. 2025).</summary>
public sealed class HiRaTests
{
    [Fact]
    public void ItsUpdate_IsTheWeightTimesTheProductEntryByEntry()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5);
        using var layer = new HiRa().Wrap(site, new HiRaOptions { R = 1 });
        VariantLayers.Randomise(layer);
        var delta = layer.DeltaWeight();
        for (var o = 0; o < 5; o++)
        {
            for (var i = 0; i < 6; i++)
            {
                Assert.Equal(
                    site.Weight.Value[o, i].ToDouble() * layer.Value("hira_B")[o, 0].ToDouble() * layer.Value("hira_A")[0, i].ToDouble(),
                    delta[o, i].ToDouble(), 1e-5);
            }
        }

        // Rank 1 times a weight of full rank is of full rank; the product alone is not.
        Assert.True(Smallest(delta) > 1e-4);
        Assert.True(Smallest(mm(layer.Value("hira_B"), layer.Value("hira_A"))) < 1e-6);

        static double Smallest(Tensor matrix)
        {
            var values = linalg.svdvals(matrix);
            return (values.min() / values.max()).ToDouble();
        }
    }

    [Fact]
    public void WhereTheWeightIsZero_ItStaysZero()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5);
        site.Weight.Value[2, 3] = 0;
        using var layer = new HiRa().Wrap(site, new HiRaOptions { R = 4 });
        VariantLayers.Randomise(layer);
        layer.Merge();
        Assert.Equal(0, site.Weight.Value[2, 3].ToSingle());
        Assert.NotEqual(0, site.Weight.Value[2, 4].ToSingle());
    }

    [Fact]
    public void ThereIsNoScale_TwiceTheRankOfNothingMoreIsTheSame()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var narrow = new HiRa().Wrap(VariantLayers.Site(6, 5), new HiRaOptions { R = 2 });
        using var wide = new HiRa().Wrap(VariantLayers.Site(6, 5), new HiRaOptions { R = 4 });
        VariantLayers.Randomise(narrow);
        foreach (var weight in wide.Weights) weight.Value.zero_();
        wide.Value("hira_A").narrow(0, 0, 2).copy_(narrow.Value("hira_A"));
        wide.Value("hira_B").narrow(1, 0, 2).copy_(narrow.Value("hira_B"));
        Assert.InRange(Torch.RelativeError(wide.DeltaWeight(), narrow.DeltaWeight()), 0, 1e-6);
    }

    [Fact]
    public void Dropout_ActsOnTheUpdatesInputOnly()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5);
        using var layer = new HiRa().Wrap(site, new HiRaOptions { R = 4, HiraDropout = 0.5 });
        var x = randn(8, 6);
        Assert.True(layer.Forward(x, VariantLayers.Training).Equals(site.Base(x)));
        VariantLayers.Randomise(layer);
        Assert.False(layer.Forward(x, VariantLayers.Training).Equals(layer.Forward(x, VariantLayers.Training)));
    }
}

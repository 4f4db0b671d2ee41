using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("miss", """{"r": 5, "miss_dropout": 0.1}""", LearningRate = 0.02, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("miss", "miss", "MissConfig", """{"r": 4}""")]
[assembly: PeftCase("miss", "miss-uneven", "MissConfig", """{"r": 7}""")]
[assembly: PeftCase("miss", "miss-mini", "MissConfig", """{"r": 5, "mini_r": 4, "init_weights": "mini"}""")]
[assembly: PeftCase("miss", "miss-bat", "MissConfig", """{"r": 4, "init_weights": "bat"}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>MiSS (Kang et al. 2024), in PEFT's three forms.</summary>
public sealed class MissTests
{
    // A rank that divides the width, one that does not, and the whole width.
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public void EachInput_MeetsTheRowOfItsNumberModuloTheRank(int rank)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5);
        using var layer = new Miss().Wrap(site, new MissOptions { R = rank });
        VariantLayers.Randomise(layer);
        var (block, delta) = (layer.Value("miss_block"), layer.DeltaWeight());
        Assert.Equal([rank, 5L], block.shape);
        for (var i = 0; i < 6; i++) Assert.True(delta[.., i].Equals(block[i % rank]));
        var x = randn(2, 3, 6);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), site.Base(x) + nn.functional.linear(x, delta)), 0, 1e-5);
        Assert.True(linalg.svdvals(delta)[Math.Min(rank, 5) - 1].ToDouble() > 0.01);
    }

    [Fact]
    public void Mini_RepeatsItsBlockOverTheOutputs()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 8);
        using var layer = new Miss().Wrap(site, new MissOptions { R = 3, MiniR = 2, InitWeights = "mini" });
        VariantLayers.Randomise(layer);
        var (block, delta) = (layer.Value("miss_block"), layer.DeltaWeight());
        Assert.Equal([3L, 2L], block.shape);
        for (var o = 0; o < 8; o++)
        {
            for (var i = 0; i < 6; i++) Assert.Equal(block[i % 3, o % 2].ToSingle(), delta[o, i].ToSingle());
        }
    }

    [Fact]
    public void Bat_MultipliesEachBlockOfTheWeightAndAddsToIt()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 4);
        using var layer = new Miss().Wrap(site, new MissOptions { R = 2, InitWeights = "bat" });
        VariantLayers.Randomise(layer);
        var (blocks, delta, w) = (layer.Value("miss_block"), layer.DeltaWeight(), site.Weight.Value);
        for (var row = 0; row < 2; row++)
        {
            for (var column = 0; column < 3; column++)
            {
                var expected = mm(Block(w, row, column), blocks[row]) + blocks[row];
                Assert.InRange(Torch.RelativeError(Block(delta, row, column), expected), 0, 1e-5);
            }
        }

        static Tensor Block(Tensor matrix, int row, int column) => matrix.narrow(0, 2 * row, 2).narrow(1, 2 * column, 2);
    }

    [Theory]
    [InlineData(8, "miss", "r is 8, but site has 7 features in; MiSS needs a rank of at most that.")]
    [InlineData(3, "bat", "r is 3, but site is 9 × 7; init_weights bat needs a rank that divides both.")]
    [InlineData(3, "mini", "mini_r is 2, but site has 9 features out; set mini_r to a divisor of that.")]
    public void ASiteThatDoesNotFit_IsRefused(int rank, string form, string sentence)
    {
        var options = new MissOptions { R = rank, InitWeights = form, MiniR = 2 };
        Assert.Equal(sentence, Assert.Throws<OptionException>(() => new Miss().Wrap(VariantLayers.Site(7, 9), options)).Message);
        Assert.Equal(sentence, Assert.Throws<OptionException>(() => new Miss().ParametersOf(new SiteShape("site", 7, 9), options)).Message);
    }
}

using LoraArena.Core.Runs;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("boft", """{"boft_block_size": 4}""", LearningRate = 0.02, StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("shira", """{"r": 3}""", LearningRate = 0.03)]
[assembly: TinyVariant("super-tuning", """{"sparsity": 0.8}""", LearningRate = 0.03, StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("osf", "{}", LearningRate = 0.01, GradientIsNotTheSlope = true, StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("psoft", """{"r": 8}""", LearningRate = 0.03, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("boft", "boft", "BOFTConfig", """{"boft_block_size": 4}""")]
[assembly: PeftCase("shira", "shira", "ShiraConfig", """{"r": 3, "random_seed": 5}""")]
[assembly: PeftCase("super-tuning", "super-tuning", "SupertuningConfig", """{"sparsity": 0.9}""")]
[assembly: PeftCase("super-tuning", "super-tuning-smallest", "SupertuningConfig", """{"sparsity": 0.7, "select_top": false}""")]
[assembly: PeftCase("osf", "osf", "OSFConfig", """{}""", Spread = 0.05)]
[assembly: PeftCase("osf", "osf-rank", "OSFConfig", """{"effective_rank": 5}""", Spread = 0.05)]
[assembly: PeftCase("psoft", "psoft", "PsoftConfig", """{"r": 8, "psoft_alpha": 16}""", Spread = 0.1)]
[assembly: PeftCase("psoft", "psoft-without-scales", "PsoftConfig", """{"r": 5, "psoft_mag_a": false, "psoft_mag_b": false}""", Spread = 0.1)]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Methods that turn the weight, or train some of its entries or singular triplets: BOFT, SHiRA, super tuning, OSF, PSOFT.</summary>
public sealed class SparseAndSpectralSplitTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Boft_WithoutItsScale_KeepsLengthsAndAngles(int factors)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var layer = new Boft().Wrap(VariantLayers.Site(24, 10), new BoftOptions { BoftBlockSize = 4, BoftNButterflyFactor = factors });
        layer.Value("boft_R").normal_(0, 0.5);
        var (before, after) = (layer.Site.Weight.Value, layer.Site.Weight.Value + layer.DeltaWeight());
        Assert.InRange(Torch.RelativeError(mm(after, after.t()), mm(before, before.t())), 0, 1e-5);
        Assert.True(Torch.RelativeError(after, before) > 0.1);

        // What a feature meets: its own block with one factor, two blocks with two.
        var weight = eye(24);
        layer = new Boft().Wrap(
            new Learning.Models.Projection("unit", new Learning.Models.Weight("weight", weight), null),
            new BoftOptions { BoftBlockSize = 4, BoftNButterflyFactor = factors });
        layer.Value("boft_R").normal_(0, 0.5);
        var meets = ((weight + layer.DeltaWeight()).abs() > 1e-6).sum([1]).max().ToInt64();
        Assert.Equal(4 * factors, meets);
        layer.Value("boft_s").fill_(3);
        Assert.Equal(3 * Math.Sqrt(24), (weight + layer.DeltaWeight()).norm().ToDouble(), 1e-3);
    }

    [Fact]
    public void Boft_TwoFactors_AreTheProductOfPermutedBlockRotations()
    {
        // The definition with whole matrices: x → x · M₂ M₁ with Mᵢ = Pᵢ blockdiag(Rᵢ) Pᵢᵀ; the second permutation sorts half blocks, even
        // ones first, in each half.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var layer = new Boft().Wrap(VariantLayers.Site(8, 8), new BoftOptions { BoftBlockSize = 2, BoftNButterflyFactor = 2 });
        layer.Value("boft_R").normal_(0, 0.7);
        var product = eye(8);
        int[][] orders = [[0, 1, 2, 3, 4, 5, 6, 7], [0, 2, 1, 3, 4, 6, 5, 7]];
        for (var factor = 0; factor < 2; factor++)
        {
            var (permutation, blocks) = (zeros(8, 8), zeros(8, 8));
            for (var i = 0; i < 8; i++) permutation[i, orders[factor][i]] = tensor(1f);
            for (var block = 0; block < 4; block++)
            {
                var m = layer.Value("boft_R")[factor, block];
                var q = (m - m.t()) / 2;
                blocks.narrow(0, 2 * block, 2).narrow(1, 2 * block, 2).copy_(mm(eye(2) - q, linalg.inv(eye(2) + q)));
            }

            product = mm(mm(mm(permutation, blocks), permutation.t()), product);
        }

        var expected = mm(layer.Site.Weight.Value, product.t());
        Assert.InRange(Torch.RelativeError(layer.Site.Weight.Value + layer.DeltaWeight(), expected), 0, 1e-5);
    }

    [Theory]
    [InlineData("boft", "boft_block_size", 5, "boft: boft_block_size 5 with boft_n_butterfly_factor 1 does not fit bert.encoder.layer.0.attention.self.query")]
    [InlineData("shira", "r", 13, "shira: r 13 is more entries than bert.encoder.layer.0.attention.self.query has")]
    [InlineData("psoft", "r", 25, "psoft: r 25 is more than the 24 singular values of bert.encoder.layer.0.attention.self.query")]
    [InlineData("osf", "effective_rank", 24, "osf: effective_rank 24 leaves nothing to train")]
    [InlineData("super-tuning", "sparsity", 0.9999, "super-tuning: sparsity 0.9999 leaves nothing to train of the 576 entries")]
    public void ASizeThatDoesNotFit_IsRefusedBySite(string variant, string option, double value, string sentence)
        => Assert.StartsWith(
            sentence,
            Assert.Throws<OptionException>(() =>
                TinyTraining.Model(
                    "bert-tiny", variant,
                    new() { [option] = value == Math.Floor(value) ? (int)value : System.Text.Json.Nodes.JsonValue.Create(value) })).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("shira", 3 * 48)]
    [InlineData("super-tuning", 115)]
    public void OnlyTheChosenEntriesMove(string variant, long count)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", variant);
        TinyTraining.Train(model, TinyTraining.OptionsFor(variant));
        using var noGrad = no_grad();
        var layer = model.Adapted!.Layers[0];
        Assert.Equal(count, layer.DeltaWeight().count_nonzero().ToInt64());
        if (variant == "shira") return;

        // They are the largest: the smallest of them is no smaller than any other.
        var (size, moved) = (layer.Site.Weight.Value.abs(), layer.DeltaWeight() != 0);
        Assert.True(size.masked_select(moved).min().ToSingle() >= size.masked_select(moved.logical_not()).max().ToSingle());
    }

    [Fact]
    public void Osf_TakesTheGreaterDirectionsOutOfItsGradients()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "osf", new() { ["effective_rank"] = 8 });
        TinyTraining.Train(model, TinyTraining.Options);
        using var noGrad = no_grad();
        foreach (var layer in model.Adapted!.Layers)
        {
            var (u, s, vh) = linalg.svd(layer.Site.Weight.Value, fullMatrices: false);
            var (rest, gradU, gradV) = (s.shape[0] - 8, layer.Value("osf_svd_params.U_low").grad!, layer.Value("osf_svd_params.V_low").grad!);
            Assert.InRange(Share(mm(u.narrow(1, 0, 8).t(), gradU), gradU), 0, 1e-5);
            Assert.InRange(Share(mm(gradV, vh.narrow(0, 0, 8).t()), gradV), 0, 1e-5);
            Assert.True(Share(mm(u.narrow(1, 8, rest).t(), gradU), gradU) > 0.1);
            Assert.True(Share(mm(gradV, vh.narrow(0, 8, rest).t()), gradV) > 0.1);
        }

        static double Share(Tensor part, Tensor whole) => part.norm().ToDouble() / whole.norm().ToDouble();
    }

    [Fact]
    public void Psoft_WithoutScales_KeepsTheLengthOfThePrincipalPart()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "psoft", new() { ["psoft_mag_a"] = false, ["psoft_mag_b"] = false }));
        using var noGrad = no_grad();
        var layer = model.Adapted!.Layers[0];
        VariantLayers.Randomise(layer);
        var (u, s, vh) = linalg.svd(layer.Site.Weight.Value, fullMatrices: false);
        var principal = mm(u.narrow(1, 0, 8) * s.narrow(0, 0, 8), vh.narrow(0, 0, 8));
        var after = principal + layer.DeltaWeight();
        Assert.True(Torch.RelativeError(after, principal) > 0.1);
        Assert.InRange(Torch.RelativeError(linalg.svdvals(after), linalg.svdvals(principal)), 0, 1e-4);
    }
}

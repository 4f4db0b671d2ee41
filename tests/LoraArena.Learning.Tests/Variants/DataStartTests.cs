using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("lora-ga", """{"r": 4, "lora_alpha": 6, "stable_gamma": 64}""")]
[assembly: TinyVariant("corda", """{"r": 4, "lora_alpha": 6}""")]
[assembly: TinyVariant("eva", """{"r": 4, "lora_alpha": 8}""")]
[assembly: TinyVariant("mica", """{"r": 6, "lora_alpha": 12}""", LearningRate = 0.03)]
[assembly: PeftCase("mica", "mica", "LoraConfig", """{"r": 5, "lora_alpha": 10, "init_lora_weights": "mica"}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Starting values from the training data, LoRA-GA, CorDA and EVA, and MiCA's from the weights.</summary>
public sealed class DataStartTests
{
    // What the starts look at: the batches of the first epoch, without dropout. 18 rows are three batches of six.
    private static readonly TrainingOptions Options = TinyTraining.Options with { SwapInTraining = false };

    [Theory]
    [InlineData("lora-ga")]
    [InlineData("corda")]
    public void BaseAndProduct_AreTheWeightThatWas(string variant)
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = Started(variant);
        using var noGrad = no_grad();
        foreach (var (layer, site) in model.Adapted!.Layers.Cast<LoraLayer>().Zip(plain.Sites))
        {
            Assert.InRange(Torch.RelativeError(layer.Site.Weight.Value + layer.DeltaWeight(), site.Weight.Value), 0, 1e-6);
            Assert.True(Torch.RelativeError(layer.Site.Weight.Value, site.Weight.Value) > 1e-4);
            Assert.False(layer.Site.Weight.Value.requires_grad);
        }
    }

    [Theory]
    [InlineData("stable", 2.0)]
    [InlineData("unit", 1.0)]
    [InlineData("gd_scale", 4.0 / 6)]
    public void LoraGa_StartsWithOrthogonalFactorsOfTheScalesLength(string scale, double onWidth16)
    {
        using var scope = NewDisposeScope();
        using var model = Started("lora-ga", new() { ["scale"] = scale, ["stable_gamma"] = 1.0 });
        foreach (var layer in model.Adapted!.Layers.Cast<LoraLayer>())
        {
            // k² = √O / γ where scale is stable; the first argument says it for 16 wide layers.
            var length = scale == "stable" ? onWidth16 * Math.Pow(layer.Site.OutFeatures / 16.0, 0.25) : onWidth16;
            foreach (var gram in new[] { mm(layer.A.Value, layer.A.Value.t()), mm(layer.B.Value.t(), layer.B.Value) })
            {
                Assert.InRange(Torch.RelativeError(gram, length * length * eye(4)), 0, 1e-4);
            }
        }
    }

    [Fact]
    public void LoraGas_FirstStepOfGradientDescent_IsTheBestOfTwiceTheRank()
    {
        using var scope = NewDisposeScope();
        using var model = Started("lora-ga", new() { ["scale"] = "gd_scale" });
        var gradients = Gradients();
        using var noGrad = no_grad();
        foreach (var (layer, gradient) in model.Adapted!.Layers.Cast<LoraLayer>().Zip(gradients))
        {
            // dA = s Bᵀ g and dB = s g Aᵀ, so that to first order ΔW moves by s² (B Bᵀ g + g Aᵀ A).
            var (a, b) = (layer.A.Value, layer.B.Value);
            var step = layer.Scale * layer.Scale * (mm(mm(b, b.t()), gradient) + mm(mm(gradient, a.t()), a));
            var (u, s, vh) = linalg.svd(gradient, fullMatrices: false);
            Assert.InRange(Torch.RelativeError(step, mm(u.narrow(1, 0, 8) * s.narrow(0, 0, 8), vh.narrow(0, 0, 8))), 0, 2e-3);
        }

        // The negative control: with the same vectors in both factors it is not.
        using var same = Started("lora-ga", new() { ["scale"] = "gd_scale", ["direction"] = "ArBr" });
        var (first, g) = ((LoraLayer)same.Adapted!.Layers[0], gradients[0]);
        var other = first.Scale * first.Scale * (mm(mm(first.B.Value, first.B.Value.t()), g) + mm(mm(g, first.A.Value.t()), first.A.Value));
        var (u0, s0, v0) = linalg.svd(g, fullMatrices: false);
        Assert.True(Torch.RelativeError(other, mm(u0.narrow(1, 0, 8) * s0.narrow(0, 0, 8), v0.narrow(0, 0, 8))) > 0.05);
    }

    [Fact]
    public void LoraGa_RefusesARankOfMoreThanHalfTheWidth()
    {
        using var model = TinyTraining.Model("bert-tiny", "lora-ga", new() { ["r"] = 13 });
        Assert.StartsWith(
            "lora-ga needs twice the rank in singular vectors, and bert.encoder.layer.0.attention.self.query has 24; r is 13",
            Assert.Throws<OptionException>(() => TinyTraining.Started(model)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ipm")]
    [InlineData("kpm")]
    public void Corda_TakesTripletsOfTheWeightAsTheDataSeesIt(string method)
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = Started("corda", new() { ["corda_method"] = method });
        using var noGrad = no_grad();
        var inputs = Inputs(plain);
        foreach (var (layer, site) in model.Adapted!.Layers.Cast<LoraLayer>().Zip(plain.Sites))
        {
            var x = cat([.. inputs[site.Path]], 0).to(ScalarType.Float64);
            x = x / x.abs().max();
            var covariance = mm(x.t(), x) / x.shape[0];
            covariance = covariance + (0.01 * covariance.diagonal().mean() * eye(covariance.shape[0], dtype: ScalarType.Float64));
            var (u, s, vh) = linalg.svd(mm(site.Weight.Value.to(ScalarType.Float64), covariance), fullMatrices: false);
            var first = method == "ipm" ? 0 : s.shape[0] - 4;
            var expected = mm(mm(u.narrow(1, first, 4) * s.narrow(0, first, 4), vh.narrow(0, first, 4)), linalg.inv(covariance));
            Assert.InRange(Torch.RelativeError(layer.DeltaWeight().to(ScalarType.Float64), expected), 0, 1e-3);
        }
    }

    [Fact]
    public void Eva_StartsWithThePrincipalComponentsOfItsInputs()
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = Started("eva", new() { ["rho"] = 1.0 });
        using var noGrad = no_grad();
        var inputs = Inputs(plain);
        foreach (var layer in model.Adapted!.Layers.Cast<LoraLayer>())
        {
            Assert.InRange((mm(layer.A.Value, layer.A.Value.t()) - eye(4)).abs().max().ToDouble(), 0, 1e-5);
            Assert.Equal(0, layer.B.Value.abs().max().ToDouble());
            var x = cat([.. inputs[layer.Site.Path]], 0).to(ScalarType.Float64);
            var centred = x - x.mean([0]);

            // As much of the variance as the exact components have, which a random subspace has not.
            var exact = linalg.svdvals(centred).narrow(0, 0, 4).square().sum().ToDouble();
            var mine = mm(centred, layer.A.Value.to(ScalarType.Float64).t()).square().sum().ToDouble();
            Assert.Equal(1, mine / exact, 1e-5);
            manual_seed(1);
            var random = linalg.qr(randn(centred.shape[1], 4, dtype: ScalarType.Float64)).Q;
            Assert.True(mm(centred, random).square().sum().ToDouble() < 0.9 * exact);
        }
    }

    [Fact]
    public void Eva_MovesRankToWhereItExplainsMore_AndPeftSeesTheRanks()
    {
        using var scope = NewDisposeScope();
        using var model = Started("eva");
        var layers = model.Adapted!.Layers.Cast<LoraLayer>().ToList();
        Assert.Equal(4 * layers.Count, layers.Sum(layer => layer.Rank));
        Assert.All(layers, layer => Assert.InRange(layer.Rank, 1, 8));
        Assert.True(layers.Select(layer => layer.Rank).Distinct().Count() > 1);
        Assert.All(layers, layer => Assert.Equal((2.0, (long)layer.Rank), (layer.Scale, layer.A.Shape[0])));

        using var folder = new TemporaryFolder();
        PeftFolder.Write(folder.Path, model, "bert-tiny");
        using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 5);
        PeftFolder.Load(folder.Path, again);
        Assert.Equal(layers.Select(layer => (layer.Rank, layer.Scale)), again.Adapted!.Layers.Cast<LoraLayer>().Select(layer => (layer.Rank, layer.Scale)));
    }

    [Fact]
    public void PrincipalComponentsOfParts_AreThoseOfTheWhole()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var x = mm(randn(40, 6, dtype: ScalarType.Float64), randn(6, 6, dtype: ScalarType.Float64)) + 3;
        using var parts = new InputMoments(6, CPU);
        foreach (var part in x.split(13, 0)) parts.Add(part);
        var (_, s, vh) = linalg.svd(x - x.mean([0]), fullMatrices: false);
        var (axes, deviations, ratios) = parts.Components(6, seed: 1, index: 0);
        Assert.InRange(Torch.RelativeError(mm(axes, vh.t()).abs(), eye(6, dtype: ScalarType.Float64)), 0, 1e-4);
        Assert.InRange(Torch.RelativeError(deviations, s / Math.Sqrt(39)), 0, 1e-5);
        Assert.Equal(1, ratios.sum().ToDouble(), 1e-6);
    }

    [Fact]
    public void LeadingSingularTriplets_ByARandomRange_AreTheExactOnes()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var (left, right) = (linalg.qr(randn(90, 60)).Q, linalg.qr(randn(70, 60)).Q);
        var sizes = pow(0.8, arange(60, dtype: ScalarType.Float32));
        var (u, s, vh) = LowRank.Svd(mm(left * sizes, right.t()), 6, seed: 3, index: 1);
        Assert.InRange(Torch.RelativeError(s, sizes.narrow(0, 0, 6)), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(mm(u * s, vh), mm(left.narrow(1, 0, 6) * sizes.narrow(0, 0, 6), right.narrow(1, 0, 6).t())), 0, 1e-3);
    }

    [Fact]
    public void Mica_FreezesTheLeastLeftDirections()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "mica");
        TinyTraining.Train(model, TinyTraining.OptionsFor("mica"));
        using var noGrad = no_grad();
        foreach (var layer in model.Adapted!.Layers.Cast<LoraLayer>())
        {
            var u = linalg.svd(layer.Site.Weight.Value, fullMatrices: false).U;
            var rest = u.narrow(1, 0, u.shape[1] - 6);
            Assert.InRange((mm(layer.B.Value.t(), layer.B.Value) - eye(6)).abs().max().ToDouble(), 0, 1e-5);
            Assert.InRange(mm(rest.t(), layer.DeltaWeight()).abs().max().ToDouble(), 0, 1e-5 * layer.DeltaWeight().norm().ToDouble() * 10);
            Assert.True(layer.DeltaWeight().norm().ToDouble() > 1e-3);
        }
    }

    private static PreferenceModel Started(string variant, System.Text.Json.Nodes.JsonObject? options = null)
    {
        var model = TinyTraining.Model("bert-tiny", variant, options);
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), Options);
        trainer.Start();
        return model;
    }

    // Mean gradients of the three batches by every weight, from autograd on the plain model.
    private static List<Tensor> Gradients()
    {
        var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        foreach (var site in model.Sites) site.Weight.Value.requires_grad_();
        var packer = TinyTraining.Packer();
        var battles = TinyTraining.Battles(18);
        foreach (var rows in Batches(packer))
        {
            using var batch = packer.Batch([.. rows.Select(row => packer.Pack(battles[row], swap: false))], CPU);
            nn.functional.cross_entropy(
                model.Logits(batch, ForwardMode.Inference),
                tensor(rows.Select(row => (long)battles[row].Winner!.Value).ToArray())).backward();
        }

        return [.. model.Sites.Select(site => site.Weight.Value.grad! / 3)];
    }

    // The inputs of every layer by its path: one tensor of real tokens for each of the three batches.
    private static Dictionary<string, List<Tensor>> Inputs(PreferenceModel model)
    {
        var (packer, battles, inputs) = (TinyTraining.Packer(), TinyTraining.Battles(18), new Dictionary<string, List<Tensor>>());
        foreach (var rows in Batches(packer))
        {
            // One row at a time: nothing is padded.
            var parts = new Dictionary<string, List<Tensor>>();
            foreach (var site in model.Sites)
            {
                site.Probe = x => parts.GetOrAdd(site.Path).Add(x.detach().reshape(-1, x.shape[^1]).clone().DetachFromDisposeScope());
            }
            foreach (var row in rows)
            {
                using var batch = packer.Batch([packer.Pack(battles[row], swap: false)], CPU);
                model.Logits(batch, ForwardMode.Inference);
            }

            foreach (var (path, seen) in parts) inputs.GetOrAdd(path).Add(cat([.. seen], 0));
        }

        foreach (var site in model.Sites) site.Probe = null;
        return inputs;
    }

    private static IReadOnlyList<int[]> Batches(LoraArena.Learning.Packing.BattlePacker packer)
        => EpochPlan.Batches([.. TinyTraining.Battles(18).Select(battle => packer.Pack(battle, swap: false).Length)], Options.BatchSize, Options.Seed, 0);
}

/// <summary>Lists by key.</summary>
file static class Lists
{
    public static List<Tensor> GetOrAdd(this Dictionary<string, List<Tensor>> lists, string key)
        => lists.TryGetValue(key, out var list) ? list : lists[key] = [];
}

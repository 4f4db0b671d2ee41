using LoraArena.Core.Runs;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("vb-lora", """{"r": 3, "num_vectors": 10, "vector_length": 4, "init_vector_bank_bound": 0.3}""", LearningRate = 0.03, HasKinks = true)]
[assembly: TinyVariant("rand-lora", """{"r": 8, "randlora_alpha": 40}""", LearningRate = 0.02, StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("tiny-lora", """{"r": 4, "u": 12}""", LearningRate = 0.05, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("vb-lora", "vb-lora", "VBLoRAConfig", """{"r": 3, "num_vectors": 10, "vector_length": 4, "topk": 3}""", Spread = 0.3)]
[assembly: PeftCase("rand-lora", "rand-lora", "RandLoraConfig", """{"r": 7, "randlora_alpha": 14, "projection_prng_key": 4}""")]
[assembly: PeftCase("rand-lora", "rand-lora-without-projection", "RandLoraConfig", """{"r": 8, "randlora_alpha": 16, "save_projection": false}""")]
[assembly: PeftCase("tiny-lora", "tiny-lora", "TinyLoraConfig", """{"r": 4, "u": 6}""")]
[assembly: PeftCase("tiny-lora", "tiny-lora-tied", "TinyLoraConfig", """{"r": 3, "u": 6, "weight_tying": 0.6, "projection_seed": 9}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Methods whose layers share vectors or random bases: VB-LoRA, RandLoRA, TinyLoRA.</summary>
public sealed class SharedBasisTests
{
    [Fact]
    public void VbLora_MixesTheVectorsOfTheLargestLogits()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Model("bert-tiny", "vb-lora", new() { ["r"] = 1, ["topk"] = 2 });
        var bank = model.Adapted!.Weights.Single(w => w.Key == "base_model.vblora_vector_bank").Weight.Value;
        var layer = model.Adapted.Layers[0];
        var (a, b) = (layer.Value("vblora_logits_A"), layer.Value("vblora_logits_B"));
        a.fill_(-5);
        b.fill_(-5);

        // Every piece of A is vector 3; of B, vectors 1 and 2 in shares 1 : e².
        a.select(2, 3).fill_(50);
        b.select(2, 1).fill_(1);
        b.select(2, 2).fill_(3);
        var piece = (bank[1] + (Math.Exp(2) * bank[2])) / (1 + Math.Exp(2));
        var expected = mm(piece.repeat(6).unsqueeze(1), bank[3].repeat(6).unsqueeze(0));
        Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected), 0, 1e-5);

        // One bank for all layers: it moves, they all do.
        var other = model.Adapted.Layers[3].DeltaWeight();
        bank.mul_(2);
        Assert.InRange(Torch.RelativeError(model.Adapted.Layers[3].DeltaWeight(), 4 * other), 0, 1e-5);
    }

    [Fact]
    public void VbLora_RefusesWidthsThatTheVectorsDoNotFill()
    {
        Assert.StartsWith(
            "vb-lora: vector_length 5 does not divide the widths of bert.encoder.layer.0.attention.self.query, 24 to 24",
            Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", "vb-lora", new() { ["vector_length"] = 5 })).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "topk does not go with a bank of fewer vectors",
            Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", "vb-lora", new() { ["topk"] = 11 })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void RandLora_MayHaveFullRank_AndTrainsLessWithALargerR()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Model("bert-tiny", "rand-lora", new() { ["r"] = 32 });
        var layer = model.Adapted!.Layers[0];
        using var generator = new Generator(4, CPU);
        foreach (var weight in layer.Weights) weight.Value.uniform_(0.5, 1.5, generator);

        // The 24 wide layer has one base of rank 32. Full rank by the usual bound: what rounding alone leaves of a singular value.
        var values = linalg.svdvals(layer.DeltaWeight());
        Assert.True(values[23].ToDouble() > 24 * 1.2e-7 * values[0].ToDouble(), $"{values[23].ToDouble()} of {values[0].ToDouble()}");

        // With 23 of its vectors it is one short of that.
        layer.Value("randlora_lambda").narrow(0, 23, 9).zero_();
        var fewer = linalg.svdvals(layer.DeltaWeight());
        Assert.True(fewer[23].ToDouble() < 24 * 1.2e-7 * fewer[0].ToDouble(), $"{fewer[23].ToDouble()} of {fewer[0].ToDouble()}");

        var (method, site) = (new RandLora(), new SiteShape("x", 1024, 4096));
        Assert.Equal(32 * (32 + 1024), method.ParametersOf(site, new RandLoraOptions { R = 32 }));
        Assert.Equal(8 * (128 + 1024), method.ParametersOf(site, new RandLoraOptions { R = 128 }));
    }

    [Fact]
    public void TinyLora_StaysWithinTheLeadingDirections_AndTiedLayersShareTheirNumbers()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "tiny-lora", new() { ["weight_tying"] = 1.0 }));
        var shared = Assert.Single(model.Adapted!.Weights, w => w.Trained);
        Assert.Equal(12, shared.Weight.Count);
        using var noGrad = no_grad();
        shared.Weight.Value.copy_(randn(12));
        foreach (var layer in model.Adapted.Layers)
        {
            var (u, _, vh) = linalg.svd(layer.Site.Weight.Value, fullMatrices: false);
            var (delta, left, right) = (layer.DeltaWeight(), u.narrow(1, 0, 4), vh.narrow(0, 0, 4));
            Assert.InRange(Torch.RelativeError(mm(mm(left, mm(mm(left.t(), delta), right.t())), right), delta), 0, 1e-4);
            Assert.True(delta.norm().ToDouble() > 0.1);
        }

        Assert.Equal([0, 0, 1, 1, 1], Enumerable.Range(0, 5).Select(i => new TinyLoraOptions { WeightTying = 0.6 }.GroupOf(i, 5)));
    }
}

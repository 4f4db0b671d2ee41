using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("pissa", """{"r": 4, "lora_alpha": 6}""")]
[assembly: TinyVariant("milora", """{"r": 4, "lora_alpha": 6}""")]
[assembly: TinyVariant("olora", """{"r": 4, "lora_alpha": 6}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Starting values from the weights: PiSSA, MiLoRA, OLoRA, and PEFT's orthogonal start.</summary>
public sealed class LoraStartTests
{
    [Theory]
    [InlineData("pissa")]
    [InlineData("milora")]
    [InlineData("olora")]
    public void BaseAndProduct_AreTheWeightThatWas_AndDetachingGivesItBack(string start)
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", start));
        using var noGrad = no_grad();
        foreach (var (layer, site) in model.Adapted!.Layers.Cast<LoraLayer>().Zip(plain.Sites))
        {
            Assert.InRange(Torch.RelativeError(layer.Site.Weight.Value + layer.DeltaWeight(), site.Weight.Value), 0, 1e-6);
            Assert.True(Torch.RelativeError(layer.Site.Weight.Value, site.Weight.Value) > 1e-3);
            var values = linalg.svdvals(layer.DeltaWeight());
            Assert.True(values[3].ToDouble() > 1e-5 && values[4].ToDouble() < 1e-5 * values[0].ToDouble());
        }

        model.Adapted.Detach();
        foreach (var (mine, site) in model.Sites.Zip(plain.Sites)) Assert.InRange(Torch.RelativeError(mine.Weight.Value, site.Weight.Value), 0, 1e-6);
    }

    [Fact]
    public void Pissa_LeavesTheSmallerSingularValues_AndMilora_TheLarger()
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var pissa = TinyTraining.Started(TinyTraining.Model("bert-tiny", "pissa"));
        using var milora = TinyTraining.Started(TinyTraining.Model("bert-tiny", "milora"));
        foreach (var (site, i) in plain.Sites.Select((site, i) => (site, i)))
        {
            var all = linalg.svdvals(site.Weight.Value);
            var n = all.shape[0];
            Assert.InRange(Torch.RelativeError(linalg.svdvals(pissa.Sites[i].Weight.Value).narrow(0, 0, n - 4), all.narrow(0, 4, n - 4)), 0, 1e-4);
            Assert.InRange(Torch.RelativeError(linalg.svdvals(milora.Sites[i].Weight.Value).narrow(0, 0, n - 4), all.narrow(0, 0, n - 4)), 0, 1e-4);

            // ‖A‖² = Σ S / s: half of the square root of each singular value is in either factor.
            var layer = (LoraLayer)pissa.Adapted!.Layers[i];
            Assert.Equal(all.narrow(0, 0, 4).sum().ToDouble() / layer.Scale, layer.A.Value.square().sum().ToDouble(), 1e-4);
            Assert.True(milora.Adapted!.Layers[i].DeltaWeight().norm().ToDouble() < layer.DeltaWeight().norm().ToDouble());
        }
    }

    [Fact]
    public void PissaNiter_ComesCloserToTheExactStart_WithEachIteration()
    {
        using var scope = NewDisposeScope();
        using var exact = TinyTraining.Started(TinyTraining.Model("bert-tiny", "pissa"));
        double Error(int iterations)
        {
            using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "pissa", new() { ["pissa_niter"] = iterations }));
            return exact.Sites.Zip(model.Sites).Max(pair => Torch.RelativeError(pair.Second.Weight.Value, pair.First.Weight.Value));
        }

        Assert.InRange(Error(32), 0, 1e-2);
        Assert.True(Error(1) > 2 * Error(32));
    }

    [Fact]
    public void Olora_StartsWithOrthonormalColumns_AndATriangle()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "olora"));
        foreach (var layer in model.Adapted!.Layers.Cast<LoraLayer>())
        {
            Assert.InRange((mm(layer.B.Value.t(), layer.B.Value) - eye(4)).abs().max().ToDouble(), 0, 1e-5);
            Assert.Equal(0, layer.A.Value.narrow(1, 0, 4).tril(-1).abs().max().ToDouble());
        }
    }

    [Fact]
    public void Orthogonal_HasTwoRandomFactorsWhoseProductIsZero()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora", new() { ["init_lora_weights"] = "orthogonal", ["r"] = 6 });
        foreach (var layer in model.Adapted!.Layers.Cast<LoraLayer>())
        {
            Assert.InRange(layer.DeltaWeight().abs().max().ToDouble(), 0, 1e-6);
            Assert.True(layer.A.Value.abs().max().ToDouble() > 0.05 && layer.B.Value.abs().max().ToDouble() > 0.05);
        }

        var error = Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", "lora", new() { ["init_lora_weights"] = "orthogonal", ["r"] = 5 }));
        Assert.StartsWith("init_lora_weights orthogonal needs an even rank", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pissa")]
    [InlineData("milora")]
    [InlineData("olora")]
    public void ARankThatTheWeightDoesNotHave_IsRefusedBySite(string start)
    {
        var error = Assert.Throws<OptionException>(() => TinyTraining.Started(TinyTraining.Model("bert-tiny", start, new() { ["r"] = 25 })));
        Assert.StartsWith($"{start} needs a rank of at most 24 at bert.encoder.layer.0.attention.self.query", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyStart_GoesWithDora()
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "dora", new() { ["init_lora_weights"] = "pissa", ["r"] = 4 }));
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), TinyTraining.Logits(plain)), 0, 1e-5);
    }
}

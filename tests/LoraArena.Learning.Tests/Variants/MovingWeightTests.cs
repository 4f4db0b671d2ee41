using LoraArena.Core.Runs;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("delta-lora", """{"r": 4, "start_step": 3}""", LearningRate = 0.005)]
[assembly: TinyVariant("periodic-lora", """{"r": 4, "stages": 3}""", LearningRate = 0.02)]
[assembly: TinyVariant("cola", """{"r": 4}""", LearningRate = 0.02)]
[assembly: TinyVariant("reslora", """{"r": 4}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Methods whose update is more than one layer's own pair: Delta-LoRA, PeriodicLoRA, Chain of LoRA, ResLoRA.</summary>
public sealed class MovingWeightTests
{
    [Fact]
    public void DeltaLora_IsAWeightThatFollowsEveryChangeOfTheProduct()
    {
        // The paper's own form: a weight that is written after each step. The telescoped one must give its update.
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "delta-lora");
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options with { MaxSteps = 12 });
        var layers = model.Adapted!.Layers.Cast<LoraLayer>().ToList();
        Tensor Product(LoraLayer layer) => layer.Scale * mm(layer.B.Value.detach(), layer.A.Value.detach());
        var moved = layers.Select(layer => zeros_like(layer.Site.Weight.Value)).ToList();
        while (trainer.StepsDone < 12)
        {
            var before = layers.Select(Product).ToList();
            trainer.Step();
            for (var i = 0; i < layers.Count && trainer.StepsDone > 3; i++) moved[i].add_(Product(layers[i]) - before[i], alpha: 2);
            for (var i = 0; i < layers.Count; i++)
            {
                using var noGrad = no_grad();
                Assert.InRange(Torch.RelativeError(layers[i].DeltaWeight(), moved[i] + Product(layers[i])), 0, 1e-4);
                if (trainer.StepsDone > 6) Assert.True(Torch.RelativeError(layers[i].DeltaWeight(), Product(layers[i])) > 0.01, "the weight does not move");
            }
        }
    }

    [Fact]
    public void DeltaLora_IsLoraUpToItsFirstStep_AndWithoutLambda()
    {
        var expected = Losses("lora", null, 8);
        Same(expected, Losses("delta-lora", new() { ["start_step"] = 1000 }, 8));
        Same(expected, Losses("delta-lora", new() { ["lambda"] = 0 }, 8));
        var late = Losses("delta-lora", null, 8);
        Same(expected.Take(4), late.Take(4));
        Differ(expected, late);
    }

    [Fact]
    public void DeltaLora_GivesTheFactorsLorasGradient_AndTheInputTheWholeWeights()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "delta-lora", new() { ["start_step"] = 0 });
        var layer = (LoraLayer)TinyTraining.Started(model).Adapted!.Layers[0];
        manual_seed(3);
        using (no_grad()) layer.B.Value.copy_(randn_like(layer.B.Value));
        var (x, direction) = (randn(5, layer.Site.InFeatures).requires_grad_(), randn(5, layer.Site.OutFeatures));
        layer.A.Value.grad?.zero_();
        layer.B.Value.grad?.zero_();
        (layer.Forward(x, VariantLayers.Training) * direction).sum().backward();
        using var noGrad = no_grad();
        var g = mm(direction.t(), x);
        Assert.InRange(Torch.RelativeError(layer.A.Value.grad!, layer.Scale * mm(layer.B.Value.t(), g)), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(layer.B.Value.grad!, layer.Scale * mm(g, layer.A.Value.t())), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(x.grad!, mm(direction, layer.Site.Weight.Value + layer.DeltaWeight())), 0, 1e-5);
        Assert.True(Torch.RelativeError(x.grad!, mm(direction, layer.Site.Weight.Value)) > 0.1);
    }

    [Theory]
    [InlineData("periodic-lora", 0.0)]
    [InlineData("periodic-lora", 0.4)]
    [InlineData("cola", null)]
    public void AStagesEnd_LeavesTheModelAsItIs_AndTheOptimizerEmpty(string variant, double? momentum)
    {
        using var scope = NewDisposeScope();
        var options = new System.Text.Json.Nodes.JsonObject { ["stages"] = 3, ["lora_dropout"] = 0 };
        if (momentum is { } share) options["momentum"] = share;
        using var model = TinyTraining.Model("bert-tiny", variant, options);
        using var trainer = new Trainer(
            model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options with { MaxSteps = 12, WarmupRatio = 0.25 });
        TinyTraining.Run(trainer, 3);
        var layer = (LoraLayer)model.Adapted!.Layers[0];
        var start = layer.Site.Weight.Value.detach().clone();
        trainer.Step();

        // The fourth step is the last of the stage: what its product was is in the weight now, and Adam knows nothing.
        Assert.True(Torch.RelativeError(layer.Site.Weight.Value, start) > 1e-4);
        Assert.All(
            trainer.OptimizerState().Where(s => s.Key.StartsWith("exp_avg", StringComparison.Ordinal)).ToList(),
            s => Assert.Equal(0, s.Value.abs().max().ToDouble()));
        var before = TinyTraining.Logits(model);
        model.Adapted.Detach();
        var untouched = TinyTraining.Logits(model);
        Assert.True(Torch.RelativeError(untouched, before) > 1e-4, "the stage has left nothing");
        Assert.Equal(trainer.LearningRate, TinyTraining.Options.LearningRate / 3, 1e-9);
    }

    [Fact]
    public void WithOneStage_ItIsLora()
    {
        var expected = Losses("lora", null, 8);
        Same(expected, Losses("periodic-lora", new() { ["stages"] = 1 }, 8));
        Same(expected, Losses("cola", new() { ["stages"] = 1 }, 8));
        Differ(expected, Losses("cola", null, 8));
    }

    [Fact]
    public void TheUpdateOfStages_MayHaveAHigherRankThanItsPairs()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "periodic-lora", new() { ["stages"] = 3, ["r"] = 2 });
        var layer = (LoraLayer)model.Adapted!.Layers[0];
        var start = layer.Site.Weight.Value.detach().clone();
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 24, LearningRate = 0.05 });
        using var noGrad = no_grad();
        var values = linalg.svdvals(layer.Site.Weight.Value - start + layer.DeltaWeight());
        Assert.True(values[5].ToDouble() > 1e-4 * values[0].ToDouble());
        Assert.InRange(values[6].ToDouble(), 0, 1e-5 * values[0].ToDouble());
    }

    [Fact]
    public void ResLora_WithoutShortcutsIsLora_AndWithThemEveryPairLearnsFromAllThatUseIt()
    {
        var expected = Losses("lora", null, 8);
        Same(expected, Losses("reslora", new() { ["pre_num"] = 0 }, 8));
        Differ(expected, Losses("reslora", null, 8));

        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "reslora", new() { ["lora_dropout"] = 0 });
        var keys = model.Adapted!.Layers.Cast<LoraLayer>().Where(l => l.Site.Path.EndsWith("self.query", StringComparison.Ordinal)).ToList();
        Assert.True(keys.Count > 1);
        manual_seed(3);
        using (no_grad())
        {
            foreach (var layer in keys) layer.B.Value.copy_(randn_like(layer.B.Value));
        }

        var (x, direction) = (randn(5, keys[1].Site.InFeatures), randn(5, keys[1].Site.OutFeatures));
        foreach (var layer in keys) layer.A.Value.requires_grad_();
        (keys[1].Forward(x, VariantLayers.Training) * direction).sum().backward();
        var g = mm(direction.t(), x);
        foreach (var layer in keys.Take(2)) Assert.InRange(Torch.RelativeError(layer.A.Value.grad!, layer.Scale * mm(layer.B.Value.detach().t(), g)), 0, 1e-5);
    }

    [Fact]
    public void WhatDoesNotGoTogether_IsRefusedWithTheReason()
    {
        Assert.StartsWith(
            "variant delta-lora: delta-lora does not go with lora_dropout: with it",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("delta-lora").ReadOptions(new() { ["lora_dropout"] = 0.1 })).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "does not go with init_lora_weights that moves the base",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("cola").ReadOptions(new() { ["init_lora_weights"] = "pissa" })).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "does not go with rank_pattern",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("reslora").ReadOptions(new() { ["rank_pattern"] = "query=4" })).Message,
            StringComparison.Ordinal);
    }

    // Two trainings of the same numbers in other memory differ by rounding.
    private static void Same(IEnumerable<double> expected, IEnumerable<double> actual)
    {
        foreach (var (one, other) in expected.Zip(actual)) Assert.Equal(one, other, 1e-5);
    }

    private static void Differ(IEnumerable<double> expected, IEnumerable<double> actual)
        => Assert.Contains(expected.Zip(actual), p => Math.Abs(p.First - p.Second) > 1e-3);

    private static List<double> Losses(string variant, System.Text.Json.Nodes.JsonObject? options, long steps)
    {
        var given = new System.Text.Json.Nodes.JsonObject { ["r"] = 4, ["lora_dropout"] = 0 };
        foreach (var (name, value) in options ?? []) given[name] = value!.DeepClone();
        using var model = TinyTraining.Model("bert-tiny", variant, given);
        return [.. TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = steps }).Select(r => r.Loss)];
    }
}

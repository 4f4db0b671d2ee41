using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("lora-drop", """{"warm_steps": 2, "sample_ratio": 1.0, "threshold": 0.6}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>LoRA-drop (Zhou et al. 2024): which layers keep a pair of their own, and what the others share.</summary>
public sealed class LoraDropTests
{
    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(0.5, 1)]
    [InlineData(0.51, 2)]
    [InlineData(0.9, 3)]
    [InlineData(0.91, 4)]
    [InlineData(1.0, 4)]
    public void TheFewestThatReachTheThreshold_AreKept(double threshold, int count)
    {
        double[] importance = [1, 5, 3, 1];
        var kept = LoraDrop.Keep(importance, threshold);
        Assert.Equal(count, kept.Count);
        Assert.Contains(1, kept);
        Assert.True(kept.Sum(i => importance[i]) >= threshold * 10);
    }

    [Fact]
    public void Importance_IsTheMeanSquaredNormOfTheAdaptersOutput()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-drop");
        using var noGrad = no_grad();
        foreach (var layer in model.Adapted!.Layers) VariantLayers.Randomise(layer);
        var outputs = new Dictionary<Projection, List<Tensor>>();
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options);

        // Independent: every adapter's output written out, token by token.
        trainer.Start();
        var data = new StartingData(model, 1, 3, _ => { }, (_, announce) =>
        {
            using var batch = TokenBatch.Create([[1, 7, 60, 2], [1, 9, 2], [1, 3, 4, 5, 6, 2]], padId: 0, CPU);
            announce(batch);
            model.Logits(batch, ForwardMode.Inference);
        });
        foreach (var layer in model.Adapted.Layers) VariantLayers.Randomise(layer);
        data.Inputs(0, model.Sites, (site, rows) => outputs.TryAdd(site, [nn.functional.linear(rows, site.Adapter!.DeltaWeight()).MoveToOuterDisposeScope()]));
        var importance = LoraDrop.Importance([.. model.Adapted.Layers.Cast<LoraLayer>()], data, 1);
        foreach (var (layer, mine) in model.Adapted.Layers.Zip(importance))
        {
            var expected = outputs[layer.Site][0].square().sum(1).mean().ToDouble();
            Assert.InRange(Math.Abs(mine - expected) / expected, 0, 1e-4);
        }

        Assert.True(importance.Distinct().Count() > 1);
    }

    [Fact]
    public void LayersOfOneKind_ShareOnePair_WhichGetsTheGradientOfAll()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "lora-drop", new() { ["threshold"] = 0 }));
        var layers = model.Adapted!.Layers.Cast<LoraLayer>().ToList();
        foreach (var kind in layers.GroupBy(layer => layer.Site.Shape.Kind))
        {
            // One keeps its own; all others have the same.
            Assert.Equal(Math.Min(2, kind.Count()), kind.Select(layer => layer.A).Distinct().Count());
        }

        Assert.Equal(layers.Select(layer => layer.A).Distinct().Sum(a => a.Count), model.Adapted.Weights.Where(w => w.Key.EndsWith("lora_A.weight", StringComparison.Ordinal)).Sum(w => w.Weight.Count));
        using var whole = TinyTraining.Started(TinyTraining.Model("bert-tiny", "lora-drop", new() { ["threshold"] = 1 }));
        Assert.Equal(layers.Count, whole.Adapted!.Layers.Cast<LoraLayer>().Select(layer => layer.A).Distinct().Count());
    }

    [Fact]
    public void TheShortTraining_ChoosesOnly_AndLeavesNothingElse()
    {
        using var scope = NewDisposeScope();
        using var fresh = TinyTraining.Model("bert-tiny", "lora-drop");
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "lora-drop"));
        Assert.Equal(TinyTraining.Bytes(fresh.HeadWeights), TinyTraining.Bytes(model.HeadWeights));
        Assert.All(model.Adapted!.Layers.Cast<LoraLayer>(), layer => Assert.Equal(0, layer.B.Value.abs().max().ToSingle()));

        // And it has chosen: with B = 0 everywhere no layer would be more important than another.
        var kept = model.Adapted.Weights.Count(w => w.Trained);
        Assert.InRange(kept, 2, fresh.Adapted!.Weights.Count(w => w.Trained) - 2);
    }

    [Fact]
    public void TheAdapterFolder_HasACopyOfTheSharedPairForEachLayer()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "lora-drop", new() { ["threshold"] = 0 }));
        var tensors = model.Adapted!.ToPeft().Tensors;
        Assert.All(model.Adapted.Layers.Cast<LoraLayer>(), layer => Assert.True(tensors[$"base_model.model.{layer.Site.Path}.lora_A.weight"].Equals(layer.A.Value)));
        Assert.Equal(2 * model.Adapted.Layers.Count, tensors.Count);
    }
}

using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Models;
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
        var outputs = new Dictionary<Projection, double>();
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
        data.Inputs(
            0, model.Sites,
            (site, rows) => outputs.Add(site, nn.functional.linear(rows, site.Adapter!.DeltaWeight()).square().sum(1).mean().ToDouble()));
        var importance = LoraDrop.Importance([.. model.Adapted.Layers.Cast<LoraLayer>()], data, 1);
        foreach (var (layer, mine) in model.Adapted.Layers.Zip(importance))
        {
            var expected = outputs[layer.Site];
            Assert.InRange(Math.Abs(mine - expected) / expected, 0, 1e-4);
        }

        Assert.True(importance.Distinct().Count() > 1);
    }

    [Fact]
    public void LayersOfOneKind_ShareOnePair_AndOnlyTheImportantKeepTheirOwn()
    {
        using var scope = NewDisposeScope();
        using var fresh = Deep(new() { ["threshold"] = 0 }, start: false);
        using var model = Deep(new() { ["threshold"] = 0 });
        var layers = model.Adapted!.Layers.Cast<LoraLayer>().ToList();
        Assert.All(
            layers.GroupBy(layer => layer.Site.Shape.Kind),
            kind => Assert.Equal(Math.Min(2, kind.Count()), kind.Select(layer => layer.A).Distinct().Count()));
        Assert.Equal(
            layers.Select(layer => layer.A).Distinct().Count(),
            model.Adapted.Weights.Count(w => w.Key.EndsWith("lora_A.weight", StringComparison.Ordinal)));

        // The short training chooses only: nothing of what it learnt is left.
        Assert.Equal(TinyTraining.Bytes(fresh.HeadWeights), TinyTraining.Bytes(model.HeadWeights));
        Assert.All(layers, layer => Assert.Equal(0, layer.B.Value.abs().max().ToSingle()));
        using var whole = Deep(new() { ["threshold"] = 1 });
        Assert.Equal(layers.Count, whole.Adapted!.Layers.Cast<LoraLayer>().Select(layer => layer.A).Distinct().Count());
    }

    [Fact]
    public void ASharedPair_GetsTheGradientOfAllItsLayers()
    {
        using var scope = NewDisposeScope();
        using var shared = Deep(new() { ["threshold"] = 0, ["lora_dropout"] = 0 });
        using var own = Deep(new() { ["threshold"] = 1, ["lora_dropout"] = 0 });
        using (no_grad())
        {
            // The same factors in both, so that they are one function.
            foreach (var (one, other) in shared.Adapted!.Layers.Zip(own.Adapted!.Layers))
            {
                foreach (var (from, to) in one.Weights.Zip(other.Weights)) to.Value.copy_(from.Value);
            }
        }

        TinyTraining.Train(shared, TinyTraining.Options with { MaxSteps = 1, MaxGradNorm = 0 });
        TinyTraining.Train(own, TinyTraining.Options with { MaxSteps = 1, MaxGradNorm = 0 });
        var pairs = shared.Adapted!.Layers.Cast<LoraLayer>().Zip(own.Adapted!.Layers.Cast<LoraLayer>()).GroupBy(p => p.First.B).ToList();
        Assert.Contains(pairs, pair => pair.Count() == 3);
        foreach (var pair in pairs)
        {
            var sum = stack(pair.Select(p => p.Second.B.Value.grad!)).sum([0]);
            Assert.InRange((pair.Key.Value.grad! - sum).abs().max().ToDouble(), 0, (1e-5 * sum.abs().max().ToDouble()) + 1e-8);
        }
    }

    [Fact]
    public void TheAdapterFolder_HasACopyOfTheSharedPairForEachLayer()
    {
        using var scope = NewDisposeScope();
        using var model = Deep(new() { ["threshold"] = 0 });
        var tensors = model.Adapted!.ToPeft().Tensors;
        Assert.All(
            model.Adapted.Layers.Cast<LoraLayer>(),
            layer => Assert.True(tensors[$"base_model.model.{layer.Site.Path}.lora_A.weight"].Equals(layer.A.Value)));
        Assert.Equal(2 * model.Adapted.Layers.Count, tensors.Count);
    }

    // Four layers, so that there is something to share: the fixture's two, and each of them once more with other numbers.
    private static PreferenceModel Deep(JsonObject options, bool start = true)
    {
        using var folder = new ModelFolder("bert-tiny");
        folder.Config(config => config["num_hidden_layers"] = 4);
        folder.Weights(tensors =>
        {
            using var generator = new Generator(4, CPU);
            foreach (var (name, value) in tensors.Where(t => t.Key.Contains("encoder.layer.", StringComparison.Ordinal)).ToList())
            {
                var copy = name.Replace("layer.0.", "layer.2.", StringComparison.Ordinal).Replace("layer.1.", "layer.3.", StringComparison.Ordinal);
                tensors[copy] = value + (0.05 * empty_like(value).normal_(0, 1, generator));
            }

            return new() { ["model.safetensors"] = tensors };
        });
        var model = PreferenceModel.Load(folder.Path, CPU, seed: 3);
        var variant = VariantCatalog.Get("lora-drop");
        foreach (var (name, value) in TinyVariant.Of("lora-drop").Options) options.TryAdd(name, value?.DeepClone());
        model.Attach(variant, variant.ReadOptions(options), seed: 3);
        return start ? TinyTraining.Started(model) : model;
    }
}

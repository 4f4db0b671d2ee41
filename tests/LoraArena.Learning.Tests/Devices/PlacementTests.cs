using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>
/// Parts of a training step on libtorch's meta device, which knows shapes and no numbers: whatever reads a number fails there, as on a GPU it
/// would make every step wait. Whole models do not run on it, as libtorch has no such kernels for layer norm and for rows of a table, and it lets
/// tensors of other devices pass: the Architecture tests hold the sources to name a device wherever a tensor is made, and count who reads numbers.
/// </summary>
public sealed class PlacementTests
{
    private static readonly ForwardMode Training = new(true, HiddenDropout: 0.1, AttentionDropout: 0.1, ClassifierDropout: 0.1);

    public static TheoryData<string> Variants => [.. VariantCatalog.All.Keys];

    [Theory]
    [MemberData(nameof(Variants))]
    public void AnAdaptedLayer_AndItsOptimizerStep_StayOnTheirDevice(string id)
    {
        Assert.SkipWhen(TinyVariant.Of(id).HasNoShapeKernels, "libtorch has no kernels on the meta device for what the method computes.");
        using var scope = NewDisposeScope();
        using var model = OnMeta(id);
        Assert.SkipWhen(model.Adapted!.Layers.Count == 0, "The method has no layers of its own.");
        var layer = model.Adapted.Layers[0];
        var weights = layer.Weights.Select(weight => KeyValuePair.Create(weight.Name, weight)).Append(KeyValuePair.Create("head", model.HeadWeights[0]));
        using var parameters = new FlatParameters(weights, META);
        using var optimizer = new AdamW(parameters, weightDecay: 0.1);
        var yNO = layer.Site.Forward(zeros([5, layer.Site.InFeatures], ScalarType.Float32, META), Training);
        var logitsNC = nn.functional.linear(yNO, model.HeadWeights[0].Value);
        nn.functional.cross_entropy(logitsNC, zeros(5, ScalarType.Int64, META)).backward();
        var norm = parameters.ClipGradient(1);
        optimizer.Step(1e-3);

        Assert.Equal([5, layer.Site.OutFeatures], yNO.shape);
        Assert.Equal(DeviceType.META, yNO.device_type);
        Assert.All(layer.Weights, weight => Assert.Equal((DeviceType.META, DeviceType.META), (weight.Value.device_type, weight.Value.grad!.device_type)));
        Assert.All(optimizer.State().Values, state => Assert.Equal(DeviceType.META, state.device_type));

        // The negative control: a number that is read is noticed.
        Assert.ThrowsAny<Exception>(() => norm.cpu());
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("dora")]
    [InlineData("lora-fa")]
    [InlineData("vera")]
    [InlineData("full")]
    public void ABlockOfADecoder_WaitsForNoNumber(string id)
    {
        using var scope = NewDisposeScope();
        using var model = OnMeta(id, "llama-tiny");
        var trained = model.TrainableWeights.Where(weight => !model.HeadWeights.Contains(weight)).Select((weight, i) => KeyValuePair.Create($"{i}", weight));
        using var parameters = new FlatParameters(trained, META);
        using var optimizer = new AdamW(parameters, weightDecay: 0.1);
        using var batch = TokenBatch.Create([[1, 60, 2], [1, 61, 2]], padId: 0, META);
        var pass = model.Backbone.Cut(batch, Training with { Random = new PassRandom(META, seed: 1, step: 0, microBatch: 0) })!;
        var yBTD = pass.Block(0, zeros([batch.Count, batch.Length, model.Config.HiddenSize], ScalarType.Float32, META));
        yBTD.sum().backward();
        BackwardCall.Check();
        var norm = parameters.ClipGradient(1);
        optimizer.Step(1e-3);
        Assert.Equal(DeviceType.META, yBTD.device_type);

        // The negative control: a number that is read is noticed.
        Assert.ThrowsAny<Exception>(() => norm.ToSingle());
    }

    [Fact]
    public void ABatch_IsMadeOnItsDevice()
    {
        using var batch = TokenBatch.Create([[1, 60, 2], [1, 2]], padId: 0, META, secondSegments: [2, 1]);

        Assert.All([batch.IdsBT, batch.LastB, batch.AttentionMaskBT!, batch.TokenTypeIdsBT!], made => Assert.Equal(DeviceType.META, made.device_type));
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void StartingValues_DependOnTheSeedAlone(string id)
    {
        using var first = TinyTraining.Model("bert-tiny", id, seed: 3);
        using var other = TinyTraining.Model("bert-tiny", id, seed: 4);
        using var again = TinyTraining.Model("bert-tiny", id, seed: 3);

        Assert.Equal(Start(first), Start(again));
        if (TinyVariant.Of(id).StartsTheSameForEverySeed) Assert.Equal(Start(first), Start(other));
        else Assert.NotEqual(Start(first), Start(other));

        static Dictionary<string, byte[]> Start(PreferenceModel model) => TinyTraining.Bytes(model.Adapted!.Weights.Select(w => w.Weight));
    }

    private static PreferenceModel OnMeta(string variant, string fixture = "bert-tiny")
    {
        var model = PreferenceModel.Load(Torch.Fixture(fixture), META, seed: 3);
        model.Attach(VariantCatalog.Get(variant), VariantCatalog.Get(variant).ReadOptions(TinyVariant.Of(variant).Options), seed: 3);
        return model;
    }
}

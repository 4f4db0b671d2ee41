using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>LoRA-drop on a model.</summary>
internal sealed class AttachedLoraDrop : AttachedLora
{
    private const double MaxGradNorm = 1;
    private const double ShareOfWarming = 0.1;
    private readonly LoraDropOptions _options;
    private readonly PreferenceModel _model;

    // Number of the layer whose pair a layer uses; checkpoints hold it.
    private readonly Weight _owners;
    private int[] _ownerOf;

    // Null while only seconds say how long the training will be.
    private long? _warmSteps;

    public AttachedLoraDrop(LoraDrop variant, LoraDropOptions options, PreferenceModel model, IReadOnlyList<LoraLayer> layers) : base(variant, options, layers)
    {
        (_options, _model, _ownerOf) = (options, model, [.. Enumerable.Range(0, layers.Count)]);
        _owners = new Weight("lora_drop.owners", arange(layers.Count, ScalarType.Float32, CPU));
    }

    /// <summary>A shared pair is listed once, with the first layer that uses it.</summary>
    public override IEnumerable<AdapterWeight> Weights
    {
        get
        {
            for (var i = 0; i < LoraLayers.Count; i++)
            {
                var layer = LoraLayers[i];
                var own = layer.Weights.Where(w => _ownerOf[i] == i || !IsFactor(layer, w));
                foreach (var weight in own) yield return new AdapterWeight(KeyOf(layer, weight), weight, Trained: true);
            }

            yield return new AdapterWeight(Root + _owners.Name, _owners, Trained: false, Exported: false);
        }
    }

    public override void Plan(long steps, long stepsPerEpoch) => _warmSteps = Math.Max(1, (long)(steps * ShareOfWarming));

    public override void ReadCheckpoint(PeftTensors tensors)
    {
        using (no_grad()) _owners.Value.copy_(tensors.Take(Root + _owners.Name, LoraLayers.Count));
        Share([.. _owners.Value.data<float>().ToArray().Select(owner => (int)owner)]);
        base.ReadCheckpoint(tensors);
    }

    /// <summary>Plain LoRA: each layer has its copy of a shared pair.</summary>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        var tensors = adapter.Tensors.ToDictionary(StringComparer.Ordinal);
        foreach (var layer in LoraLayers) (tensors[KeyOf(layer, layer.A)], tensors[KeyOf(layer, layer.B)]) = (layer.A.Value, layer.B.Value);
        return new PeftAdapter(adapter.Config, tensors);
    }

    protected override void SetStartingValues(StartingData data)
    {
        var batches = Math.Max(1, (int)Math.Ceiling(_options.SampleRatio * data.Batches));
        List<Weight> head = [.. _model.HeadWeights];
        var before = head.Concat(LoraLayers.SelectMany(layer => layer.Weights)).Select(w => (Weight: w, Value: w.Value.detach().clone())).ToList();
        Warm(data, batches, head);
        var importance = LoraDrop.Importance(LoraLayers, data, batches);

        // From the base again: what the short training has learnt was for choosing alone.
        using (no_grad())
        {
            foreach (var (weight, value) in before) weight.Value.detach().copy_(value);
        }

        var owners = new int[LoraLayers.Count];
        foreach (var kind in Enumerable.Range(0, owners.Length).GroupBy(i => KindOf(LoraLayers[i])))
        {
            List<int> members = [.. kind];
            var kept = LoraDrop.Keep([.. members.Select(i => importance[i])], _options.Threshold);
            var shared = members.Where((_, at) => !kept.Contains(at)).Select(i => (int?)i).FirstOrDefault();
            for (var at = 0; at < members.Count; at++) owners[members[at]] = kept.Contains(at) ? members[at] : shared!.Value;
        }

        Share(owners);
        FactorsHaveMoved();
    }

    protected override void Release() => _owners.Dispose();

    // Layers that could share a pair.
    private static (string Kind, long In, long Out, int Rank, double Scale) KindOf(LoraLayer layer)
        => (layer.Site.Shape.Kind, layer.Site.InFeatures, layer.Site.OutFeatures, layer.Rank, layer.Scale);

    private static bool IsFactor(LoraLayer layer, Weight weight) => ReferenceEquals(weight, layer.A) || ReferenceEquals(weight, layer.B);

    private void Warm(StartingData data, int batches, IReadOnlyList<Weight> head)
    {
        var trained = Weights.Where(w => w.Trained).Select(w => KeyValuePair.Create(w.Key, w.Weight)).Concat(head.Select(w => KeyValuePair.Create(w.Name, w)));
        using var parameters = new FlatParameters(trained, _model.Device, GroupOf);
        using var optimizer = new AdamW(parameters, weightDecay: 0);
        for (var step = 0; GoesOnWarming(step, data); step++)
        {
            using var scope = NewDisposeScope();
            parameters.ZeroGradient();
            data.Backward(step % batches);
            parameters.ClipGradient(MaxGradNorm);
            optimizer.Step(data.LearningRate);
            FactorsHaveMoved();
        }
    }

    private bool GoesOnWarming(int step, StartingData data)
        => (_options.WarmSteps ?? _warmSteps) is { } steps ? step < steps : step == 0 || data.ShareSpent() < ShareOfWarming;

    private void Share(int[] ownerOf)
    {
        _ownerOf = ownerOf;
        for (var i = 0; i < ownerOf.Length; i++)
        {
            if (ownerOf[i] != i) LoraLayers[i].UseFactorsOf(LoraLayers[ownerOf[i]]);
        }

        using var noGrad = no_grad();
        using var values = tensor(ownerOf.Select(owner => (float)owner).ToArray(), device: CPU);
        _owners.Value.copy_(values);
    }
}

using LoraArena.Core.Battles;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

// B battles, D width, C classes: A wins, B wins, tie.

/// <summary>What turns a pooled state into the scores of the three outcomes. It is computed in fp32 whatever the model's type.</summary>
internal sealed class PreferenceHead
{
    private readonly Projection? _dense;
    private readonly Projection _output;

    private PreferenceHead(HeadOrigin origin, Projection? dense, Projection output) => (Origin, _dense, _output) = (origin, dense, output);

    /// <summary>Where its starting values are from.</summary>
    public HeadOrigin Origin { get; }

    /// <summary>Its weights, in the order of computing.</summary>
    public IReadOnlyList<Weight> Weights => [.. Of(_dense), .. Of(_output)];

    /// <summary>
    /// The folder's own head where its labels are the three outcomes, with its rows put in their order; else a new one. A layer before the last
    /// goes along with it: what a head for other labels has learnt to look at is no start for this one.
    /// </summary>
    /// <param name="shape">What the family's head is made of.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="weights">What the folder brings.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="seed">Seed of a new head's starting values.</param>
    /// <exception cref="ModelException">The folder's own head is incomplete.</exception>
    public static PreferenceHead Create(HeadShape shape, ModelConfig config, WeightSource weights, Device device, long seed)
    {
        var fits = weights.ShapeOf(shape.Output + ".weight")?.SequenceEqual([Winners.Count, config.HiddenSize]) == true;
        var rows = fits ? OutcomeLabels.Rows(config.Labels) : null;
        return rows is null ? New(shape, config, device, seed) : Kept(shape, config, weights, rows, device);
    }

    /// <summary>[B, D] → fp32 [B, C].</summary>
    public Tensor Forward(Tensor pooledBD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var xBD = Dropout.Apply(pooledBD, mode.ClassifierDropout, mode).to(ScalarType.Float32);
        if (_dense is not null) xBD = Dropout.Apply(_dense.Forward(xBD, mode).tanh(), mode.ClassifierDropout, mode);
        return _output.Forward(xBD, mode).MoveToOuterDisposeScope();
    }

    private static PreferenceHead Kept(HeadShape shape, ModelConfig config, WeightSource weights, IReadOnlyList<int> rows, Device device)
    {
        long width = config.HiddenSize;
        var dense = shape.Dense is { } path ? new Projection(path, Take(path + ".weight", width, width), Take(path + ".bias", width)) : null;
        var output = new Projection(
            shape.Output, InOrder(shape.Output + ".weight", Winners.Count, width),
            shape.Bias ? InOrder(shape.Output + ".bias", Winners.Count) : null);
        return new PreferenceHead(HeadOrigin.Folder, dense, output);

        Weight Take(string name, params long[] sizes) => new(name, weights.Take(name, sizes, device, ScalarType.Float32));

        Weight InOrder(string name, params long[] sizes)
        {
            using var scope = NewDisposeScope();
            var stored = weights.Take(name, sizes, device, ScalarType.Float32);
            return new Weight(name, cat([.. rows.Select(row => stored.narrow(0, row, 1))]));
        }
    }

    private static PreferenceHead New(HeadShape shape, ModelConfig config, Device device, long seed)
    {
        long width = config.HiddenSize;
        var output = Random(shape.Output, Winners.Count, shape.Bias, stream: 0);
        return new PreferenceHead(HeadOrigin.New, shape.Dense is { } path ? Random(path, width, bias: true, stream: 1) : null, output);

        Projection Random(string path, long features, bool bias, long stream) =>
            NewLayer(path, features, width, bias, config.InitializerRange, device, seed, stream);
    }

    /// <summary>A layer with weights N(0, σ²) and bias 0, as Transformers' new heads have them.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="outFeatures">Features out.</param>
    /// <param name="inFeatures">Features in.</param>
    /// <param name="bias">True for a bias.</param>
    /// <param name="deviation">σ.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="stream">Number of the layer among those of one model.</param>
    internal static Projection NewLayer(string path, long outFeatures, long inFeatures, bool bias, double deviation, Device device, long seed, long stream)
    {
        using var scope = NewDisposeScope();
        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, -1, stream);
        var weight = new Weight(path + ".weight", randn([outFeatures, inFeatures], ScalarType.Float32, CPU).mul_(deviation).to(device));
        return new Projection(path, weight, bias ? new Weight(path + ".bias", zeros(outFeatures, ScalarType.Float32, device)) : null);
    }

    private static IEnumerable<Weight> Of(Projection? layer) => layer is null ? [] : layer.Bias is { } bias ? [layer.Weight, bias] : [layer.Weight];
}

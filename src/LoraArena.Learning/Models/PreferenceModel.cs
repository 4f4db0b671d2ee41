using LoraArena.Core.Battles;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

// B battles, D width, C classes: A wins, B wins, tie.

/// <summary>A backbone with a head that says who wins, and the adapter that a variant has attached.</summary>
public sealed class PreferenceModel : IDisposable
{
    private readonly IReadOnlyList<Weight> _baseWeights;
    private readonly Projection _head;

    private PreferenceModel(ModelFamily family, ModelConfig config, Backbone backbone, ModelBuilder builder, Projection head)
    {
        (Family, Config, Backbone, Sites, Device) = (family, config, backbone, builder.Sites, builder.Device);
        (_baseWeights, _head) = (builder.Weights, head);
    }

    /// <summary>The kind of model.</summary>
    public ModelFamily Family { get; }

    /// <summary>Its sizes.</summary>
    public ModelConfig Config { get; }

    /// <summary>The transformer.</summary>
    public Backbone Backbone { get; }

    /// <summary>Every linear layer of the transformer.</summary>
    public IReadOnlyList<Projection> Sites { get; }

    /// <summary>Where all of it lives.</summary>
    public Device Device { get; }

    /// <summary>How the base weights are kept.</summary>
    public BasePrecision Precision { get; private init; } = BasePrecision.Full;

    /// <summary>The type that the transformer computes in; head and loss are fp32.</summary>
    public ScalarType ComputeType => Precision.ComputeType;

    /// <summary>Parameters of the transformer, however they are kept.</summary>
    public long BaseParameters => BaseWeights.Sum(w => w.Count) + Quantized.Sum(matrix => matrix.InFeatures * matrix.OutFeatures);

    /// <summary>Memory of the transformer's weights in bytes.</summary>
    public long BaseBytes => BaseWeights.Sum(w => w.Count * w.Value.ElementSize) + Quantized.Sum(matrix => matrix.Bytes);

    /// <summary>The attached adapter; null before <see cref="Attach"/>.</summary>
    public AttachedVariant? Adapted { get; private set; }

    /// <summary>The head's weights: always trained.</summary>
    public IReadOnlyList<Weight> HeadWeights => _head.Bias is { } bias ? [_head.Weight, bias] : [_head.Weight];

    /// <summary>Every weight of the transformer that is kept as numbers, in the order of building.</summary>
    public IReadOnlyList<Weight> BaseWeights => [.. _baseWeights, .. Expanded];

    /// <summary>What training moves: adapter, then head.</summary>
    public IReadOnlyList<Weight> TrainableWeights => [.. Adapted?.Weights.Where(w => w.Trained).Select(w => w.Weight) ?? [], .. HeadWeights];

    /// <summary>Loads a model folder. A head of three outcomes that it brings is kept, as Transformers does; else the head is new.</summary>
    /// <param name="folder">config.json and the weights.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="seed">Seed of a new head's starting values.</param>
    /// <param name="precision">How the base weights are kept; null for fp32.</param>
    /// <exception cref="ModelException">The folder cannot be used.</exception>
    public static PreferenceModel Load(string folder, Device device, long seed, BasePrecision? precision = null)
    {
        var (family, config) = ModelCatalog.Read(folder);
        using var weights = new CheckpointWeights(folder, family.Prefix);
        return Build(family, config, weights, device, seed, precision);
    }

    /// <summary>Builds a model from any source of weights.</summary>
    public static PreferenceModel Build(ModelFamily family, ModelConfig config, WeightSource weights, Device device, long seed, BasePrecision? precision = null)
    {
        using var noGrad = no_grad();
        var builder = new ModelBuilder(weights, device, precision ?? BasePrecision.Full);
        var backbone = family.Build(config, builder);
        var head = Head(family, config, weights, device, seed);
        return new PreferenceModel(family, config, backbone, builder, head) { Precision = precision ?? BasePrecision.Full };
    }

    /// <summary>Puts a variant's layers on the sites that its options choose.</summary>
    /// <exception cref="OptionException">They choose none, or do not fit one.</exception>
    public void Attach(LoraVariant variant, VariantOptions options, long seed)
    {
        if (Adapted is not null) throw new InvalidOperationException("The model carries an adapter already.");
        if (Quantized.Any() && !variant.WorksOnQuantizedBase(options))
        {
            var able = VariantCatalog.All.Values.Where(v => v.Info.QuantizedBase).Select(v => v.Info.Id);
            throw new OptionException($"{variant.Info.Name} with these options needs the base weights as numbers, and base_precision {Precision.Name} keeps codes: choose fp32, bf16 or fp16, or one of {string.Join(", ", able)}.");
        }

        using var noGrad = no_grad();
        Adapted = variant.Attach(this, options, seed);
    }

    /// <summary>Folds the adapter into the base weights and takes it off.</summary>
    public void Merge()
    {
        if (Adapted is not { } adapted) return;
        adapted.Merge();
        adapted.Dispose();
        Adapted = null;
    }

    /// <summary>Scores of the three outcomes, fp32 [B, C].</summary>
    public Tensor Logits(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return ScorePooled(Backbone.Pooled(batch, mode), mode).MoveToOuterDisposeScope();
    }

    /// <summary>The head on what the backbone has pooled: [B, D] → fp32 [B, C].</summary>
    internal Tensor ScorePooled(Tensor pooledBD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return _head.Forward(Dropout.Apply(pooledBD, mode.PooledDropout, mode).to(ScalarType.Float32), mode).MoveToOuterDisposeScope();
    }

    // Matrices that were codes until an adapter was merged into them.
    private IEnumerable<Weight> Expanded => Precision.IsQuantized ? Sites.Select(site => (site.Matrix as DenseMatrix)?.Weight).OfType<Weight>().Except(_baseWeights) : [];

    private IEnumerable<BaseMatrix> Quantized => Sites.Select(site => site.Matrix).Where(matrix => matrix is not DenseMatrix);

    private static Projection Head(ModelFamily family, ModelConfig config, WeightSource weights, Device device, long seed)
    {
        var (weightName, biasName) = (family.HeadPath + ".weight", family.HeadPath + ".bias");
        long[] shape = [Winners.Count, config.HiddenSize];
        if (weights.ShapeOf(weightName)?.SequenceEqual(shape) == true)
        {
            var biasValue = family.HeadHasBias ? new Weight(biasName, weights.Take(biasName, [Winners.Count], device, ScalarType.Float32)) : null;
            return new Projection(family.HeadPath, new Weight(weightName, weights.Take(weightName, shape, device, ScalarType.Float32)), biasValue);
        }

        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, -1);
        var weight = new Weight(weightName, randn(shape, ScalarType.Float32, CPU).mul_(config.InitializerRange).to(device));
        return new Projection(family.HeadPath, weight, family.HeadHasBias ? new Weight(biasName, zeros(Winners.Count, ScalarType.Float32, device)) : null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Adapted?.Dispose();
        foreach (var weight in BaseWeights) weight.Dispose();
        foreach (var matrix in Quantized) matrix.Dispose();
        foreach (var weight in HeadWeights) weight.Dispose();
    }
}

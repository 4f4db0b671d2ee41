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
        Embeddings = builder.Embeddings;
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

    /// <summary>The embeddings of its tokens; null for a family that has no place for virtual tokens among them.</summary>
    public TokenEmbedding? Embeddings { get; }

    /// <summary>Token ids of a text, without special tokens, for starting values that come from words; null where no tokenizer is at hand.</summary>
    public Func<string, IReadOnlyList<int>>? TextToIds { get; set; }

    /// <summary>Where all of it lives.</summary>
    public Device Device { get; }

    /// <summary>The attached adapter; null before <see cref="Attach"/>.</summary>
    public AttachedVariant? Adapted { get; private set; }

    /// <summary>The head's weights: always trained.</summary>
    public IReadOnlyList<Weight> HeadWeights => _head.Bias is { } bias ? [_head.Weight, bias] : [_head.Weight];

    /// <summary>Every weight of the transformer, in the order of building.</summary>
    public IReadOnlyList<Weight> BaseWeights => _baseWeights;

    /// <summary>What training moves: adapter, weights of the model that train beside it, head.</summary>
    public IReadOnlyList<Weight> TrainableWeights => [.. Adapted?.Weights.Concat(Adapted.BaseWeights).Where(w => w.Trained).Select(w => w.Weight) ?? [], .. HeadWeights];

    /// <summary>Loads a model folder. A head of three outcomes that it brings is kept, as Transformers does; else the head is new.</summary>
    /// <param name="folder">config.json and the weights.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="seed">Seed of a new head's starting values.</param>
    /// <exception cref="ModelException">The folder cannot be used.</exception>
    public static PreferenceModel Load(string folder, Device device, long seed)
    {
        var (family, config) = ModelCatalog.Read(folder);
        using var weights = new CheckpointWeights(folder, family.Prefix);
        return Build(family, config, weights, device, seed);
    }

    /// <summary>Builds a model from any source of weights.</summary>
    public static PreferenceModel Build(ModelFamily family, ModelConfig config, WeightSource weights, Device device, long seed)
    {
        using var noGrad = no_grad();
        var builder = new ModelBuilder(weights, device, ScalarType.Float32);
        var backbone = family.Build(config, builder);
        var head = Head(family, config, weights, device, seed);
        return new PreferenceModel(family, config, backbone, builder, head);
    }

    /// <summary>Puts a variant's layers on the sites that its options choose.</summary>
    /// <exception cref="OptionException">They choose none, or do not fit one.</exception>
    public void Attach(LoraVariant variant, VariantOptions options, long seed)
    {
        if (Adapted is not null) throw new InvalidOperationException("The model carries an adapter already.");
        using var noGrad = no_grad();
        var beside = variant.TrainedBaseWeights(this, options).ToList();
        Adapted = variant.Attach(this, options, seed);
        Adapted.BaseWeights = beside;
        if (Embeddings is not null) Embeddings.Virtual = Adapted.VirtualTokens;
    }

    /// <summary>Folds the adapter into the base weights and takes it off.</summary>
    public void Merge()
    {
        if (Adapted is not { } adapted) return;
        adapted.Merge();
        if (Embeddings is not null) Embeddings.Virtual = null;
        adapted.Dispose();
        Adapted = null;
    }

    /// <summary>Scores of the three outcomes, fp32 [B, C].</summary>
    public Tensor Logits(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        using var widened = Embeddings?.Virtual is { } extra ? batch.WithVirtualTokens(extra) : null;
        return ScorePooled(Backbone.Pooled(widened ?? batch, mode), mode).MoveToOuterDisposeScope();
    }

    /// <summary>The head on what the backbone has pooled: [B, D] → fp32 [B, C].</summary>
    internal Tensor ScorePooled(Tensor pooledBD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return _head.Forward(Dropout.Apply(pooledBD, mode.PooledDropout, mode).to(ScalarType.Float32), mode).MoveToOuterDisposeScope();
    }

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
        foreach (var weight in _baseWeights) weight.Dispose();
        foreach (var weight in HeadWeights) weight.Dispose();
    }
}

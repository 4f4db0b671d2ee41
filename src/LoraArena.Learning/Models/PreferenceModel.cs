using LoraArena.Core.Runs;
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
    private readonly Projection? _newPooler;
    private readonly PreferenceHead _head;

    private PreferenceModel(ModelFamily family, ModelConfig config, Backbone backbone, ModelBuilder builder, PreferenceHead head)
    {
        (Family, Config, Backbone, Sites, Device) = (family, config, backbone, builder.Sites, builder.Device);
        Embeddings = builder.Embeddings;
        (_baseWeights, _newPooler, _head) = (builder.Weights, builder.NewPooler, head);
    }

    /// <summary>The kind of model.</summary>
    public ModelFamily Family { get; }

    /// <summary>Sizes that config.json gives: layers, widths, heads, vocabulary.</summary>
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

    /// <summary>How the base weights are kept.</summary>
    public BasePrecision Precision { get; private init; } = BasePrecision.Full;

    /// <summary>The type that the transformer computes in; head and loss are fp32.</summary>
    public ScalarType ComputeType => Precision.ComputeType;

    /// <summary>Parameters of the transformer, however they are kept.</summary>
    public long BaseParameters => BaseWeights.Sum(w => w.Count) + Quantized.Sum(matrix => matrix.InFeatures * matrix.OutFeatures);

    /// <summary>Parameters of transformer, adapter and head, each counted once: what trains of the transformer is no more than it has.</summary>
    public long Parameters => BaseParameters + TrainableWeights.Except(BaseWeights).Sum(w => w.Count);

    /// <summary>Memory of the transformer's weights in bytes.</summary>
    public long BaseBytes => BaseWeights.Sum(w => w.Count * w.Value.ElementSize) + Quantized.Sum(matrix => matrix.Bytes);

    /// <summary>The attached adapter; null before <see cref="Attach"/>.</summary>
    public AttachedVariant? Adapted { get; private set; }

    /// <summary>Where the head's starting values are from.</summary>
    public HeadOrigin HeadOrigin => _head.Origin;

    /// <summary>The head's weights, always trained: those of a pooler that the folder did not bring among them.</summary>
    public IReadOnlyList<Weight> HeadWeights => [.. _newPooler is { } pooler ? [pooler.Weight, pooler.Bias!] : Array.Empty<Weight>(), .. _head.Weights];

    /// <summary>The modules that PEFT saves beside an adapter: the head's, and that of a new pooler.</summary>
    public IReadOnlyList<string> SavedModules
        => [Family.Head(Config).Module, .. _newPooler is { } pooler ? [pooler.Path[..pooler.Path.LastIndexOf('.')]] : Array.Empty<string>()];

    /// <summary>Every weight of the transformer that is kept as numbers, in the order of building.</summary>
    public IReadOnlyList<Weight> BaseWeights => [.. _baseWeights, .. Expanded];

    /// <summary>What training moves: adapter, weights of the model that train beside it, head.</summary>
    public IReadOnlyList<Weight> TrainableWeights
        => [.. Adapted?.Weights.Concat(Adapted.BaseWeights).Where(w => w.Trained).Select(w => w.Weight) ?? [], .. HeadWeights];

    /// <summary>Loads a model folder. A head that it brings for the three outcomes is kept; else the head is new.</summary>
    /// <param name="folder">config.json and the weights.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="seed">Seed of a new head's starting values.</param>
    /// <param name="pooling">Which states the head looks at; null for the family's own.</param>
    /// <param name="precision">How the base weights are kept; null for fp32.</param>
    /// <exception cref="ModelException">The folder cannot be used.</exception>
    public static PreferenceModel Load(string folder, Device device, long seed, Pooling? pooling = null, BasePrecision? precision = null)
    {
        var (family, config) = ModelCatalog.Read(folder);
        if (pooling is Pooling.First && family.Kind == ModelKind.Decoder)
        {
            throw new ModelException(folder, "a decoder's first token sees nothing of the text, so it cannot be what the head looks at; choose last or mean");
        }

        using var weights = new CheckpointWeights(folder, family.Prefix);
        var model = Build(family, config with { Pooling = pooling ?? config.Pooling }, weights, device, seed, precision);
        try
        {
            weights.CheckLeft();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Builds a model from any source of weights.</summary>
    public static PreferenceModel Build(ModelFamily family, ModelConfig config, WeightSource weights, Device device, long seed, BasePrecision? precision = null)
    {
        using var noGrad = no_grad();
        precision ??= BasePrecision.Full;
        var builder = new ModelBuilder(weights, device, precision, seed);
        var backbone = family.Build(config, builder);
        var head = PreferenceHead.Create(family.Head(config), config, weights, device, seed);
        return new PreferenceModel(family, config, backbone, builder, head) { Precision = precision };
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
        using var widened = Widened(batch);
        return ScorePooled(Backbone.Pooled(widened ?? batch, mode), mode).MoveToOuterDisposeScope();
    }

    /// <summary>The batch with places for the adapter's virtual tokens; null where it has none.</summary>
    internal TokenBatch? Widened(TokenBatch batch) => Embeddings?.Virtual is { } extra ? batch.WithVirtualTokens(extra) : null;

    /// <summary>The head on what the backbone has pooled: [B, D] → fp32 [B, C].</summary>
    internal Tensor ScorePooled(Tensor pooledBD, ForwardMode mode) => _head.Forward(pooledBD, mode);

    // Matrices that were codes until an adapter was merged into them.
    private IEnumerable<Weight> Expanded
        => Precision.IsQuantized ? Sites.Select(site => (site.Matrix as DenseMatrix)?.Weight).OfType<Weight>().Except(_baseWeights) : [];

    private IEnumerable<BaseMatrix> Quantized => Sites.Select(site => site.Matrix).Where(matrix => matrix is not DenseMatrix);

    /// <inheritdoc/>
    public void Dispose()
    {
        Adapted?.Dispose();
        foreach (var weight in BaseWeights) weight.Dispose();
        foreach (var matrix in Quantized) matrix.Dispose();
        foreach (var weight in HeadWeights) weight.Dispose();
    }
}

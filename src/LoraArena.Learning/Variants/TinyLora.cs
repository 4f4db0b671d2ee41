using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, U numbers of a group, I features in, O features out.

/// <summary>
/// TinyLoRA: LoRA-XS whose small matrix is a mixture of fixed random ones, so that a layer, or many layers together, train a handful of numbers.
/// Morris et al. 2026, arXiv:2602.04118.
/// </summary>
public sealed class TinyLora : LoraVariant<TinyLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "tiny-lora", "TinyLoRA", "Trains a handful of numbers that mix random turns of the weight's leading directions.",
        "arXiv:2602.04118", PeftType: "TINYLORA", ParameterFormula: "u, once for each group of layers")
    {
        Group = VariantGroup.LowRank,
        Cost = "A singular value decomposition of each weight at the start.",
        SizeOption = "u",
    };

    /// <inheritdoc/>
    public override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
    {
        var own = (TinyLoraOptions)options;
        var sites = SitesOf(model, options);
        var groups = Enumerable.Range(0, own.GroupOf(sites.Count - 1, sites.Count) + 1)
            .Select(i => new Weight(FormattableString.Invariant($"tinylora_v.{i}"), zeros([own.U], ScalarType.Float32, model.Device))).ToList();
        var layers = sites.Select((site, i) => new TinyLoraLayer(site, own, groups[own.GroupOf(i, sites.Count)], i)).ToList();
        foreach (var layer in layers) layer.Site.Adapter = layer;
        return new AttachedTinyLora(this, own, layers, groups);
    }

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, TinyLoraOptions options, VariantContext context)
        => throw new NotSupportedException("Layers share their numbers; attach the variant to a model.");

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, TinyLoraOptions options) => 0;

    /// <inheritdoc/>
    public override long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, TinyLoraOptions options)
        => (long)options.U * (options.GroupOf(sites.Count - 1, sites.Count) + 1);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(TinyLoraOptions options) => new()
    {
        ["r"] = options.R,
        ["u"] = options.U,
        ["weight_tying"] = options.WeightTying,
        ["projection_seed"] = options.ProjectionSeed,
        ["save_projection"] = true,
        ["tinylora_dropout"] = options.TinyloraDropout,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override TinyLoraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out");
        config.Require("bias", "none");
        return new TinyLoraOptions
        {
            R = config.Size("r", 2),
            U = config.Size("u", 64),
            WeightTying = config.Number("weight_tying", 0),
            ProjectionSeed = (int)config.Number("projection_seed", 42),
            TinyloraDropout = config.Number("tinylora_dropout", 0),
        };
    }
}

/// <summary>Options of TinyLoRA, by PEFT's names.</summary>
public sealed record TinyLoraOptions : VariantOptions
{
    /// <summary>Leading directions of the weight that are mixed.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 2;

    /// <summary>Numbers that a group of layers trains.</summary>
    [Range(1, 65_536)]
    public int U { get; init; } = 64;

    /// <summary>How far layers share their numbers: 0 each has its own, 1 all have the same.</summary>
    [Range(0.0, 1.0)]
    public double WeightTying { get; init; }

    /// <summary>Seed of the random matrices.</summary>
    [Range(0, int.MaxValue)]
    public int ProjectionSeed { get; init; } = 42;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double TinyloraDropout { get; init; }

    /// <summary>The group of a layer by its place among all.</summary>
    public int GroupOf(int layer, int layers)
    {
        var groups = Math.Max(1, (int)Math.Round(layers * (1 - WeightTying), MidpointRounding.ToEven));
        return Math.Min(layer / Math.Max(1, layers / groups), groups - 1);
    }
}

/// <summary>One layer with TinyLoRA: ΔW = B (Σ vᵢ Pᵢ) A.</summary>
internal sealed class TinyLoraLayer : AdapterLayer
{
    private readonly TinyLoraOptions _options;
    private readonly Weight _vU;
    private readonly Weight _aRI;
    private readonly Weight _bOR;
    private readonly Weight _pURR;

    public TinyLoraLayer(Projection site, TinyLoraOptions options, Weight vU, int index) : base(site)
    {
        using var scope = NewDisposeScope();
        (_options, _vU) = (options, vU);
        var (device, rank) = (site.Weight.Value.device, Math.Min(options.R, site.Shape.Narrow));
        _aRI = new Weight("tinylora_A", zeros([rank, site.InFeatures], ScalarType.Float32, device));
        _bOR = new Weight("tinylora_B", zeros([site.OutFeatures, rank], ScalarType.Float32, device));
        using var generator = new Generator((ulong)(options.ProjectionSeed + index), CPU);
        _pURR = new Weight("tinylora_P", empty([options.U, rank, rank], ScalarType.Float32, CPU).normal_(0, 1 / Math.Sqrt(rank), generator).to(device));
    }

    public override IReadOnlyList<Weight> Weights => [];

    public override IReadOnlyList<Weight> Frozen => [_aRI, _bOR, _pURR];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _options.TinyloraDropout, mode);
        var y = LinearProduct.Of(LinearProduct.Of(dropped, _aRI.Value), mm(_bOR.Value, MixRR()));
        return (Site.Base(x) + y.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return mm(mm(_bOR.Value, MixRR()), _aRI.Value).MoveToOuterDisposeScope();
    }

    internal void TakeDirections()
    {
        using var scope = NewDisposeScope();
        var (u, s, vh) = linalg.svd(Site.Weight.Value.to(ScalarType.Float32), fullMatrices: false);
        var rank = _aRI.Shape[0];
        var root = s.narrow(0, 0, rank).sqrt();
        _aRI.Value.copy_(root.unsqueeze(1) * vh.narrow(0, 0, rank));
        _bOR.Value.copy_(u.narrow(1, 0, rank) * root);
    }

    private Tensor MixRR() => (_vU.Value.view(-1, 1, 1) * _pURR.Value).sum([0]);
}

/// <summary>TinyLoRA on a model, with the numbers that its layers share.</summary>
internal sealed class AttachedTinyLora(
    TinyLora variant, TinyLoraOptions options,
    IReadOnlyList<TinyLoraLayer> layers, IReadOnlyList<Weight> groups) : AttachedVariant(variant, options, layers)
{
    public override IEnumerable<AdapterWeight> Weights => base.Weights.Concat(groups.Select(g => new AdapterWeight(SharedRoot + g.Name, g, Trained: true)));

    protected override void SetStartingValues(StartingData data)
    {
        using var noGrad = no_grad();
        foreach (var layer in layers) layer.TakeDirections();
    }

    protected override void Release()
    {
        foreach (var group in groups) group.Dispose();
    }
}

using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>Super tuning: the entries of the weight that are largest are trained, and the others stay. arXiv:2607.09287.</summary>
public sealed class SuperTuning : LoraVariant<SuperTuningOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "super-tuning", "Super tuning", "Trains the largest entries of each weight.", "arXiv:2607.09287", PeftType: "SUPERTUNING",
        ParameterFormula: "(1 − sparsity) · I · O")
    {
        Group = VariantGroup.Other,
        Cost = "The whole update is made for every pass: slower on short batches.",
        LearningRateFactor = 0.4,
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, SuperTuningOptions options, VariantContext context)
        => new SuperTuningLayer(site, options.CountOf(site.Shape), options.SelectTop);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, SuperTuningOptions options) => options.CountOf(site);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(SuperTuningOptions options) => new()
    {
        ["sparsity"] = options.Sparsity,
        ["select_top"] = options.SelectTop,
        ["init_weights"] = true,
        ["save_precomputed_indices"] = true,
    };

    /// <inheritdoc/>
    public override SuperTuningOptions FromConfig(PeftConfigReader config)
    {
        if (config.Number("r", 0) != 0) throw config.Error("'r' adds a LoRA pair to the trained entries, which this variant does not do");
        return new SuperTuningOptions { Sparsity = config.Number("sparsity", 0.99), SelectTop = config.Flag("select_top", defaultValue: true) };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, SuperTuningOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedSuperTuning(this, options, [.. layers.Cast<SuperTuningLayer>()]);
}

/// <summary>Options of super tuning, by PEFT's names.</summary>
public sealed record SuperTuningOptions : VariantOptions
{
    /// <summary>Share of each weight that is not trained.</summary>
    [Range(0.0, 0.999999)]
    public double Sparsity { get; init; } = 0.99;

    /// <summary>Trains the largest entries; else the smallest.</summary>
    public bool SelectTop { get; init; } = true;

    /// <summary>Entries of a site that are trained.</summary>
    /// <exception cref="OptionException">There are none.</exception>
    public long CountOf(SiteShape site)
    {
        // In floating point, as PEFT counts.
        var count = (long)(site.InFeatures * site.OutFeatures * (1 - Sparsity));
        return count > 0 ? count : throw new OptionException(FormattableString.Invariant($"super-tuning: sparsity {Sparsity} leaves nothing to train of the {site.InFeatures * site.OutFeatures} entries of {site.Path}."));
    }
}

/// <summary>One layer with super tuning.</summary>
internal sealed class SuperTuningLayer : DeltaLayer
{
    private readonly bool _largest;
    private readonly Weight _values;
    private readonly Weight _places;

    public SuperTuningLayer(Projection site, long count, bool largest) : base(site)
    {
        var device = site.Weight.Value.device;
        _largest = largest;
        _values = new Weight("supertuning_values", zeros([count], ScalarType.Float32, device));
        _places = new Weight("supertuning_indices", zeros([count], ScalarType.Int32, device));
    }

    public override IReadOnlyList<Weight> Weights => [_values];

    /// <summary>Place of each entry in the flattened weight, int32 [N].</summary>
    public override IReadOnlyList<Weight> Frozen => [_places];

    public override Tensor DeltaWeight() => Spectrum.Dense(_values.Value, _places.Value.to(ScalarType.Int64), Site.Shape);

    internal void Choose()
    {
        using var scope = NewDisposeScope();
        _places.Value.copy_(Site.Weight.Value.abs().flatten().topk((int)_values.Count, 0, _largest, sorted: true).indexes);
    }
}

/// <summary>Super tuning on a model: the places come from the weights.</summary>
internal sealed class AttachedSuperTuning(
    SuperTuning variant, SuperTuningOptions options, IReadOnlyList<SuperTuningLayer> layers) : AttachedVariant(variant, options, layers)
{
    protected override void SetStartingValues(StartingData data)
    {
        using var noGrad = no_grad();
        foreach (var layer in layers) layer.Choose();
    }
}

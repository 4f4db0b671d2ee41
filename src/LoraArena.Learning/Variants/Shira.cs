using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// I features in, O features out.

/// <summary>
/// SHiRA: a few entries of the weight are trained, at places that a seed gives; the update is sparse and of high rank. Bhardwaj et al.
/// 2024, arXiv:2406.13175.
/// </summary>
public sealed class Shira : LoraVariant<ShiraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "shira", "SHiRA", "Trains as many single entries of the weight as LoRA would train numbers.", "arXiv:2406.13175", PeftType: "SHIRA",
        ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Other,
        Cost = "The whole update is made for every pass: slower on short batches.",
        LearningRateFactor = 0.4,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, ShiraOptions options, VariantContext context)
    {
        options.RequireFits(site.Shape);
        return new ShiraLayer(site, options.R * (site.InFeatures + site.OutFeatures), options.RandomSeed, context);
    }

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, ShiraOptions options)
    {
        options.RequireFits(site);
        return options.R * (site.InFeatures + site.OutFeatures);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(ShiraOptions options) => new()
    {
        ["r"] = options.R,
        ["mask_type"] = "random",
        ["random_seed"] = options.RandomSeed,
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override ShiraOptions FromConfig(PeftConfigReader config)
    {
        // The file has the places, however they were chosen.
        config.RequireUnset("fan_in_fan_out");
        return new ShiraOptions { R = config.Size("r", 32), RandomSeed = (int)config.Number("random_seed", 0) };
    }
}

/// <summary>Options of SHiRA, by PEFT's names.</summary>
public sealed record ShiraOptions : VariantOptions
{
    /// <summary>As many entries are trained as LoRA of this rank would train numbers.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 16;

    /// <summary>Seed of the places; nothing for the run's seed.</summary>
    [Range(0, int.MaxValue)]
    public int? RandomSeed { get; init; }

    internal void RequireFits(SiteShape site)
    {
        if (R * (site.InFeatures + site.OutFeatures) > site.InFeatures * site.OutFeatures)
        {
            throw new OptionException($"shira: r {R} is more entries than {site.Path} has, {site.OutFeatures} × {site.InFeatures}.");
        }
    }
}

/// <summary>One layer with SHiRA.</summary>
internal sealed class ShiraLayer : DeltaLayer
{
    private readonly Weight _values;
    private readonly Weight _places;

    public ShiraLayer(Projection site, long count, int? seed, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        var device = site.Weight.Value.device;
        _values = new Weight("shira_weight", zeros([count], ScalarType.Float32, device));

        // Of one seed every layer of one shape would have the same places, so PEFT's rule is kept for a given seed alone.
        var all = site.InFeatures * site.OutFeatures;
        context.SeedStart();
        using var generator = seed is { } fixedSeed ? new Generator((ulong)fixedSeed, CPU) : null;
        var chosen = randperm(all, ScalarType.Int64, CPU, generator: generator).narrow(0, 0, count).sort().Values;
        _places = new Weight(
            "shira_indices",
            stack([chosen.div(site.InFeatures, RoundingMode.floor), chosen.remainder(site.InFeatures)]).to(ScalarType.Int32).to(device));
    }

    public override IReadOnlyList<Weight> Weights => [_values];

    /// <summary>Row and column of each entry, int32 [2, N].</summary>
    public override IReadOnlyList<Weight> Frozen => [_places];

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var places = _places.Value.to(ScalarType.Int64);
        return Spectrum.Dense(_values.Value, (places[0] * Site.InFeatures) + places[1], Site.Shape).MoveToOuterDisposeScope();
    }
}

using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>HiRA: ΔW = W ⊙ (B A), entry by entry, which has a high rank because W has. There is no scale. Huang et al. 2025, ICLR.</summary>
public sealed class HiRa : LoraVariant<HiRaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "hira", "HiRA",
        "Multiplies the frozen weight, entry by entry, by a low-rank product, so that the update has the weight's own rank.",
        "openreview.net/forum?id=TwJrTz9cRS", PeftType: "HIRA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "The whole update is made for every pass: slower on short batches.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, HiRaOptions options, VariantContext context) => new HiRaLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, HiRaOptions options) => options.R * (site.InFeatures + site.OutFeatures);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(HiRaOptions options) => new()
    {
        ["r"] = options.R,
        ["hira_dropout"] = options.HiraDropout,
        ["rank_pattern"] = new JsonObject(),
        ["init_weights"] = true,
        ["fan_in_fan_out"] = false,
    };

    /// <inheritdoc/>
    public override HiRaOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out");

        // PEFT has rank_pattern among HiRA's fields, but gives every layer the rank r whatever it says (0.21.2), so nothing follows from it.
        return new HiRaOptions { R = config.Size("r", 32), HiraDropout = config.Number("hira_dropout", 0) };
    }
}

/// <summary>Options of HiRA, by PEFT's names.</summary>
public sealed record HiRaOptions : VariantOptions
{
    /// <summary>Rank of the product that the weight is multiplied by.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 32;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double HiraDropout { get; init; }
}

/// <summary>One layer with HiRA.</summary>
internal sealed class HiRaLayer : DeltaLayer
{
    private readonly Weight _aRI;
    private readonly Weight _bOR;

    public HiRaLayer(Projection site, HiRaOptions options, VariantContext context) : base(site, options.HiraDropout)
    {
        using var scope = NewDisposeScope();
        var device = site.Weight.Value.device;
        context.SeedStart();
        _aRI = new Weight("hira_A", LoraStart.Kaiming(options.R, site.InFeatures).to(device));
        _bOR = new Weight("hira_B", zeros([site.OutFeatures, options.R], ScalarType.Float32, device));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [_aRI, _bOR];

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (Site.Weight.Value.to(ScalarType.Float32) * mm(_bOR.Value, _aRI.Value)).MoveToOuterDisposeScope();
    }
}

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

// R rank, H hybrid rank, K blocks, I features in, O features out, N tokens.

/// <summary>
/// GraLoRA: the weight is cut into k × k blocks, each with a LoRA of rank r/k of its own, so that as many numbers reach a rank k times as high.
/// Jung et al. 2025, arXiv:2505.20355.
/// </summary>
public sealed class GraLora : LoraVariant<GraLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "gralora", "GraLoRA", "Cuts the weight into blocks, each with a small LoRA of its own: a higher rank from as many numbers.",
        "arXiv:2505.20355", PeftType: "GRALORA", ParameterFormula: "(r + hybrid_r) · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "About that of LoRA: the same products in blocks.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, GraLoraOptions options, VariantContext context)
    {
        options.Fit(site.Shape);
        return new GraLoraLayer(site, options, context);
    }

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, GraLoraOptions options)
    {
        options.Fit(site);
        return (options.R + options.HybridR) * (site.InFeatures + site.OutFeatures);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(GraLoraOptions options) => new()
    {
        ["r"] = options.R,
        ["alpha"] = options.Alpha,
        ["gralora_k"] = options.GraloraK,
        ["hybrid_r"] = options.HybridR,
        ["gralora_dropout"] = options.GraloraDropout,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override GraLoraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out");
        config.Require("bias", "none");
        return new GraLoraOptions
        {
            R = config.Size("r", 32),
            Alpha = config.Number("alpha", 64),
            GraloraK = config.Size("gralora_k", 2),
            HybridR = (int)config.Number("hybrid_r", 0),
            GraloraDropout = config.Number("gralora_dropout", 0),
        };
    }
}

/// <summary>Options of GraLoRA, by PEFT's names.</summary>
public sealed record GraLoraOptions : VariantOptions
{
    /// <summary>Rank that the blocks share: each has r / gralora_k. gralora_k must divide it.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 32;

    /// <summary>The update is scaled by alpha / (r + hybrid_r).</summary>
    [Range(0.0, 100_000.0)]
    public double Alpha { get; init; } = 64;

    /// <summary>
    /// Into how many parts input and output features are cut. It must divide every adapted layer's widths. 2 is advised up to rank 32, 4
    /// above.
    /// </summary>
    [Range(1, 1024)]
    public int GraloraK { get; init; } = 2;

    /// <summary>Rank of an ordinary LoRA beside the blocks; 0 for none.</summary>
    [Range(0, 1024)]
    public int HybridR { get; init; }

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double GraloraDropout { get; init; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        if (R % GraloraK != 0) throw new OptionException(FormattableString.Invariant($"gralora_k {GraloraK} does not divide r {R}."));
    }

    /// <summary>Refuses a site that the options do not fit.</summary>
    /// <exception cref="OptionException">They do not.</exception>
    internal void Fit(SiteShape site)
    {
        Check();
        if (site.InFeatures % GraloraK != 0 || site.OutFeatures % GraloraK != 0)
        {
            throw new OptionException(FormattableString.Invariant($"gralora_k is {GraloraK}, but {site.Path} is {site.OutFeatures} × {site.InFeatures}; set gralora_k to a divisor of both."));
        }
    }
}

/// <summary>One layer with GraLoRA.</summary>
internal sealed class GraLoraLayer : AdapterLayer
{
    private readonly long _k;
    private readonly long _rank;
    private readonly double _scale;
    private readonly double _dropout;
    private readonly Weight _a;
    private readonly Weight _b;
    private readonly Weight? _wholeA;
    private readonly Weight? _wholeB;

    public GraLoraLayer(Projection site, GraLoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        (_k, _rank, _dropout, _scale) = (options.GraloraK, options.R, options.GraloraDropout, options.Alpha / (options.R + options.HybridR));
        var device = site.Weight.Value.device;
        context.SeedStart();
        var bound = 1 / Math.Sqrt(site.InFeatures / _k);
        _a = new Weight("gralora_A", empty([_k, site.InFeatures / _k, _rank], ScalarType.Float32, CPU).uniform_(-bound, bound).to(device));
        _b = new Weight("gralora_B", zeros([_k, _rank, site.OutFeatures / _k], ScalarType.Float32, device));
        if (options.HybridR == 0) return;
        _wholeA = new Weight("gralora_A_general.weight", LoraStart.Kaiming(options.HybridR, site.InFeatures).to(device));
        _wholeB = new Weight("gralora_B_general.weight", zeros([site.OutFeatures, options.HybridR], ScalarType.Float32, device));
    }

    /// <summary>A [K, I/K, R] and B [K, R, O/K], and the ordinary LoRA's A [H, I] and B [O, H] where there is one.</summary>
    public override IReadOnlyList<Weight> Weights => _wholeA is null || _wholeB is null ? [_a, _b] : [_a, _b, _wholeA, _wholeB];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var update = Update(dropped.reshape(-1, Site.InFeatures)).reshape([.. x.shape[..^1], Site.OutFeatures]);
        return (Site.Base(x) + update.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();

        // [K in, I/K, K out, R/K] and [K out, K in, R/K, O/K] → one product for each pair of blocks.
        var a = _a.Value.reshape(_k, Site.InFeatures / _k, _k, _rank / _k);
        var b = _b.Value.reshape(_k, _k, _rank / _k, Site.OutFeatures / _k);
        var delta = einsum("ipjr,jirq->jqip", a, b).reshape(Site.OutFeatures, Site.InFeatures);
        if (_wholeA is not null && _wholeB is not null) delta = delta + mm(_wholeB.Value, _wholeA.Value);
        return (delta * _scale).MoveToOuterDisposeScope();
    }

    // fp32 [N, I] → [N, O].
    private Tensor Update(Tensor xNI)
    {
        var tokens = xNI.shape[0];
        var xKNI = xNI.reshape(tokens, _k, Site.InFeatures / _k).transpose(0, 1);

        // Input block, token, output block, rank in the block → for each output block the ranks of all input blocks side by side.
        var hKNR = bmm(xKNI, _a.Value).reshape(_k, tokens, _k, _rank / _k).permute(2, 1, 0, 3).reshape(_k, tokens, _rank);
        var yNO = bmm(hKNR, _b.Value).transpose(0, 1).reshape(tokens, Site.OutFeatures);
        if (_wholeA is not null && _wholeB is not null) yNO = yNO + LinearProduct.Of(LinearProduct.Of(xNI, _wholeA.Value), _wholeB.Value);
        return yNO * _scale;
    }
}

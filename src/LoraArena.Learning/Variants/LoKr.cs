using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// O = A · B features out, I = C · D features in, R rank.

/// <summary>
/// LoKr: ΔW = (α/r) W₁ ⊗ W₂, a Kronecker product of a small matrix and a larger one that may be of low rank. Yeh et al. 2023,
/// arXiv:2309.14859.
/// </summary>
public sealed class LoKr : LycorisVariant<LoKrOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lokr", "LoKr", "Adds a Kronecker product of two small matrices, the larger one of low rank.", "arXiv:2309.14859", PeftType: "LOKR",
        ParameterFormula: "a · c + r · (b + d), with O = a · b and I = c · d")
    {
        Group = VariantGroup.LowRank,
        Cost = "The whole update is made for every pass: slower on short batches.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, LoKrOptions options, VariantContext context) => new LoKrLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, LoKrOptions options)
    {
        var shape = KroneckerShape.Of(site, options);
        return (shape.SplitsFirst ? shape.R * (shape.A + shape.C) : shape.A * shape.C) + (shape.SplitsSecond
            ? shape.R * (shape.B + shape.D)
            : shape.B * shape.D);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(LoKrOptions options)
    {
        var config = base.PeftConfig(options);
        config["decompose_both"] = options.DecomposeBoth;
        config["decompose_factor"] = options.DecomposeFactor;
        config["rank_dropout_scale"] = options.RankDropoutScale;
        config["init_weights"] = options.InitWeights == LoKrOptions.Lycoris ? LoKrOptions.Lycoris : true;
        return config;
    }

    /// <inheritdoc/>
    public override LoKrOptions FromConfig(PeftConfigReader config)
    {
        config.Require("init_weights", "true", "false", LoKrOptions.Lycoris);
        return base.FromConfig(config) with
        {
            DecomposeBoth = config.Flag("decompose_both"),
            DecomposeFactor = (int)config.Number("decompose_factor", -1),
            RankDropoutScale = config.Flag("rank_dropout_scale"),
        };
    }
}

/// <summary>Options of LoKr.</summary>
public sealed record LoKrOptions : LycorisOptions
{
    internal const string Lycoris = "lycoris";

    /// <summary>Makes the small matrix a product of rank r too, where that is smaller.</summary>
    public bool DecomposeBoth { get; init; }

    /// <summary>
    /// Size of the small matrix: each width is divided by this number where it can be, else by the nearest one below that can. −1 makes
    /// both matrices as near to equal as possible.
    /// </summary>
    [Range(-1, 65_536)]
    public int DecomposeFactor { get; init; } = -1;

    /// <summary>Scales up what rank_dropout keeps.</summary>
    public bool RankDropoutScale { get; init; }

    /// <summary>Starting values: default (the small matrix is zero) or lycoris (the larger one is zero, as in the LyCORIS package).</summary>
    [AllowedValues("default", Lycoris)]
    public string InitWeights { get; init; } = "default";

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        if (DecomposeFactor == 0) throw new Core.Runs.OptionException("decompose_factor is 0; −1 or a number from 1 to 65536 is needed.");
    }
}

/// <summary>How a site's widths are split, and which of the two matrices are products.</summary>
internal readonly record struct KroneckerShape(long A, long B, long C, long D, long R, bool SplitsFirst, bool SplitsSecond)
{
    public static KroneckerShape Of(SiteShape site, LoKrOptions options)
    {
        var ((a, b), (c, d)) = (Factors(site.OutFeatures, options.DecomposeFactor), Factors(site.InFeatures, options.DecomposeFactor));
        long rank = options.RankOf(site.Path);
        return new KroneckerShape(a, b, c, d, rank, options.DecomposeBoth && 2 * rank < Math.Max(a, c), 2 * rank < Math.Max(b, d));
    }

    // A factor that divides the width is taken as it is; else the divisors up to it are tried from below as long as the two factors come closer.
    private static (long Small, long Large) Factors(long width, long factor)
    {
        if (factor > 0 && width % factor == 0) return (factor, width / factor);
        var limit = factor < 0 ? width : factor;
        var (small, large) = (1L, width);
        while (small < large)
        {
            var next = small + 1;
            while (width % next != 0) next++;
            if (next > limit || next + (width / next) > small + large) break;
            (small, large) = (next, width / next);
        }

        return small > large ? (large, small) : (small, large);
    }
}

/// <summary>One layer with LoKr. Neither ΔW nor W₂, where it is a product, is ever formed: (W₁ ⊗ W₂) x is W₁ X W₂ᵀ of x as a matrix X [C, D].</summary>
internal sealed class LoKrLayer : LycorisLayer
{
    private readonly KroneckerShape _shape;
    private readonly IReadOnlyList<Weight> _first;
    private readonly IReadOnlyList<Weight> _second;

    public LoKrLayer(Projection site, LoKrOptions options, VariantContext context) : base(site, options, options.RankDropoutScale)
    {
        using var scope = NewDisposeScope();
        var device = site.Weight.Value.device;
        _shape = KroneckerShape.Of(site.Shape, options);
        context.SeedStart();

        // One factor of ΔW is zero: the first one, or the last one in LyCORIS's way.
        var lycoris = options.InitWeights == LoKrOptions.Lycoris;
        _first = _shape.SplitsFirst
            ? [Start("lokr_w1_a", _shape.A, _shape.R, zero: !lycoris), Start("lokr_w1_b", _shape.R, _shape.C, zero: false)]
            : [Start("lokr_w1", _shape.A, _shape.C, zero: !lycoris)];
        _second = _shape.SplitsSecond
            ? [Start("lokr_w2_a", _shape.B, _shape.R, zero: false), Start("lokr_w2_b", _shape.R, _shape.D, zero: lycoris)]
            : [Start("lokr_w2", _shape.B, _shape.D, zero: lycoris)];

        Weight Start(string name, long rows, long columns, bool zero) =>
            new(name, zero ? zeros([rows, columns], ScalarType.Float32, device) : LoraStart.Kaiming(rows, columns).to(device));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [.. _first, .. _second];

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (kron(Whole(_first), Whole(_second)) * Scale).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor Update(Tensor x)
    {
        var leading = x.shape[..^1];
        var hCB = Through(x.reshape([.. leading, _shape.C, _shape.D]), _second);
        var yBA = Through(hCB.transpose(-1, -2), _first);
        return yBA.transpose(-1, -2).reshape([.. leading, Site.OutFeatures]) * Scale;
    }

    private static Tensor Whole(IReadOnlyList<Weight> factors) => factors is [var left, var right] ? mm(left.Value, right.Value) : factors[0].Value;

    private static Tensor Through(Tensor x, IReadOnlyList<Weight> factors)
        => factors.Reverse().Aggregate(x, (h, factor) => LinearProduct.Of(h, factor.Value));
}

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

// R rank, I features in, O features out.

/// <summary>
/// MiSS, formerly Bone: one trained matrix D [R, O] that acts on sums of input features, y = Wx + b + Dᵀ S x, where entry j of S x is the sum of
/// the inputs j, j + r, j + 2r, … Kang et al. 2024, arXiv:2409.15371.
/// </summary>
public sealed class Miss : LoraVariant<MissOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "miss", "MiSS", "One trained thin matrix on sums of input features: few products, fast.", "arXiv:2409.15371", PeftType: "MISS",
        ParameterFormula: "r · O, or r · mini_r for init_weights mini")
    {
        Group = VariantGroup.LowRank,
        Cost = "Less time: one thin product instead of two.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, MissOptions options, VariantContext context)
    {
        options.Fit(site.Shape);
        return options.InitWeights == MissOptions.Bat ? new BatLayer(site, options) : new MissLayer(site, options);
    }

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, MissOptions options)
    {
        options.Fit(site);
        return (long)options.R * (options.InitWeights == MissOptions.Mini ? options.MiniR : site.OutFeatures);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(MissOptions options) => new()
    {
        ["r"] = options.R,
        ["mini_r"] = options.MiniR,
        ["miss_dropout"] = options.MissDropout,
        ["init_weights"] = options.InitWeights == MissOptions.Plain ? true : options.InitWeights,
        ["bias"] = "none",
    };

    /// <inheritdoc/>
    public override MissOptions FromConfig(PeftConfigReader config)
    {
        config.Require("bias", "none");
        config.Require("init_weights", "true", "false", MissOptions.Bat, MissOptions.Mini);
        return new MissOptions
        {
            R = config.Size("r", 64),
            MiniR = config.Size("mini_r", 1),
            MissDropout = config.Number("miss_dropout", 0),
            InitWeights = config.Options(["init_weights"])["init_weights"] is JsonValue value && value.TryGetValue<string>(out var kind)
                ? kind
                : MissOptions.Plain,
        };
    }
}

/// <summary>Options of MiSS, by PEFT's names.</summary>
public sealed record MissOptions : VariantOptions
{
    internal const string Plain = "miss";
    internal const string Bat = "bat";
    internal const string Mini = "mini";

    /// <summary>Rank: into how many sums the input features go. At most the layer's width.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 64;

    /// <summary>
    /// Which of three forms: miss; mini, whose matrix repeats after mini_r output features; or bat, which also multiplies the frozen
    /// weight, block by block.
    /// </summary>
    [AllowedValues(Plain, Bat, Mini)]
    public string InitWeights { get; init; } = Plain;

    /// <summary>For init_weights mini: output features after which the matrix repeats; it must divide every adapted layer's outputs.</summary>
    [Range(1, 65_536)]
    public int MiniR { get; init; } = 1;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole. For init_weights bat it has no effect.</summary>
    [Range(0.0, 0.99)]
    public double MissDropout { get; init; }

    /// <summary>Refuses a site that the options do not fit.</summary>
    /// <exception cref="OptionException">They do not.</exception>
    internal void Fit(SiteShape site)
    {
        if (R > site.InFeatures)
        {
            throw new OptionException(FormattableString.Invariant($"r is {R}, but {site.Path} has {site.InFeatures} features in; MiSS needs a rank of at most that."));
        }

        if (InitWeights == Bat && (site.InFeatures % R != 0 || site.OutFeatures % R != 0))
        {
            throw new OptionException(FormattableString.Invariant($"r is {R}, but {site.Path} is {site.OutFeatures} × {site.InFeatures}; init_weights bat needs a rank that divides both."));
        }

        if (InitWeights == Mini && site.OutFeatures % MiniR != 0)
        {
            throw new OptionException(FormattableString.Invariant($"mini_r is {MiniR}, but {site.Path} has {site.OutFeatures} features out; set mini_r to a divisor of that."));
        }
    }
}

/// <summary>One layer with MiSS, plain or mini.</summary>
internal sealed class MissLayer : AdapterLayer
{
    private readonly int _rank;
    private readonly double _dropout;
    private readonly long _repeats;
    private readonly Weight _block;

    public MissLayer(Projection site, MissOptions options) : base(site)
    {
        (_rank, _dropout) = (options.R, options.MissDropout);
        var width = options.InitWeights == MissOptions.Mini ? options.MiniR : site.OutFeatures;
        _repeats = site.OutFeatures / width;
        _block = new Weight("miss_block", zeros([_rank, width], ScalarType.Float32, site.Weight.Value.device));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [_block];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var missing = (_rank - (Site.InFeatures % _rank)) % _rank;
        var padded = missing > 0 ? nn.functional.pad(dropped, [0, missing]) : dropped;
        var hNR = padded.reshape([.. x.shape[..^1], -1, _rank]).sum(-2);
        return (Site.Base(x) + LinearProduct.Of(hNR, BlockOR()).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>The matrix beside itself as often as it takes, cut to the width: column i is the matrix' row i mod r.</summary>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var times = (Site.InFeatures + _rank - 1) / _rank;
        return BlockOR().repeat(1, times).narrow(1, 0, Site.InFeatures).contiguous().MoveToOuterDisposeScope();
    }

    private Tensor BlockOR() => (_repeats > 1 ? _block.Value.repeat(1, _repeats) : _block.Value).t();
}

/// <summary>One layer with MiSS's form bat: in every block of W, r features wide and high, ΔW = W D + D, with one D [R, R] for each row of blocks.</summary>
internal sealed class BatLayer : DeltaLayer
{
    private readonly int _rank;
    private readonly Weight _block;

    public BatLayer(Projection site, MissOptions options) : base(site)
    {
        _rank = options.R;
        _block = new Weight("miss_block", zeros([site.OutFeatures / _rank, _rank, _rank], ScalarType.Float32, site.Weight.Value.device));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [_block];

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = (Site.OutFeatures / _rank, Site.InFeatures / _rank);

        // Row of blocks, row in it, column of blocks, column in it → [row of blocks, all else, column in a block], so that it is one batched product.
        var w = Site.Weight.Value.to(ScalarType.Float32).reshape(rows, _rank, columns, _rank).reshape(rows, _rank * columns, _rank);
        var product = bmm(w, _block.Value).reshape(rows, _rank, columns, _rank);
        return (product + _block.Value.unsqueeze(2)).reshape(Site.OutFeatures, Site.InFeatures).MoveToOuterDisposeScope();
    }
}

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
/// PSOFT: a rotation and two scales within the weight's r leading singular directions. Wu et al. 2025, arXiv:2505.11235. As in PEFT a file holds the
/// rotation alone, and the directions come from the weights again.
/// </summary>
public sealed class Psoft : LoraVariant<PsoftOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "psoft", "PSOFT", "Rotates and scales the weight within its leading singular directions.", "arXiv:2505.11235", PeftType: "PSOFT",
        ParameterFormula: "r · (r − 1) / 2 + 2r")
    {
        Group = VariantGroup.Other,
        Cost = "A singular value decomposition of each weight at the start.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, PsoftOptions options, VariantContext context)
    {
        options.RequireFits(site.Shape);
        return new PsoftLayer(site, options);
    }

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, PsoftOptions options)
    {
        options.RequireFits(site);
        return ((long)options.R * (options.R - 1) / 2) + (options.PsoftMagA ? options.R : 0) + (options.PsoftMagB ? options.R : 0);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(PsoftOptions options) => new()
    {
        ["r"] = options.R,
        ["psoft_alpha"] = options.R,
        ["psoft_dropout"] = options.PsoftDropout,
        ["ab_svd_init"] = "psoft_init",
        ["psoft_svd"] = "full",
        ["psoft_orth"] = true,
        ["psoft_mag_a"] = options.PsoftMagA,
        ["psoft_mag_b"] = options.PsoftMagB,
        ["use_cayley_neumann"] = false,
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override PsoftOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out", "use_cayley_neumann");
        config.Require("ab_svd_init", "psoft_init");
        config.Require("psoft_svd", "full");
        config.Require("psoft_orth", "true");
        return new PsoftOptions
        {
            R = config.Size("r", 32),
            PsoftDropout = config.Number("psoft_dropout", 0),
            PsoftMagA = config.Flag("psoft_mag_a", defaultValue: true),
            PsoftMagB = config.Flag("psoft_mag_b", defaultValue: true),
        };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, PsoftOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedPsoft(this, options, [.. layers.Cast<PsoftLayer>()]);
}

/// <summary>Options of PSOFT, by PEFT's names.</summary>
public sealed record PsoftOptions : VariantOptions
{
    /// <summary>Leading directions that are turned.</summary>
    [Range(2, 1024)]
    public int R { get; init; } = 32;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double PsoftDropout { get; init; }

    /// <summary>Trains a scale of each direction before the rotation.</summary>
    public bool PsoftMagA { get; init; } = true;

    /// <summary>Trains a scale of each direction after it.</summary>
    public bool PsoftMagB { get; init; } = true;

    internal void RequireFits(SiteShape site)
    {
        if (R > site.Narrow) throw new OptionException($"psoft: r {R} is more than the {site.Narrow} singular values of {site.Path}.");
    }
}

/// <summary>One layer with PSOFT: ΔW = U S (diag(b) R diag(a) − 1) Vᵀ.</summary>
internal sealed class PsoftLayer : AdapterLayer
{
    private readonly PsoftOptions _options;
    private readonly Weight _skew;
    private readonly Weight? _a;
    private readonly Weight? _b;
    private readonly Weight _vRI;
    private readonly Weight _usOR;
    private readonly Tensor _places;

    public PsoftLayer(Projection site, PsoftOptions options) : base(site)
    {
        using var scope = NewDisposeScope();
        _options = options;
        var (device, rank) = (site.Weight.Value.device, options.R);
        _skew = new Weight("psoft_R.weight", zeros([(long)rank * (rank - 1) / 2], ScalarType.Float32, device));
        _a = options.PsoftMagA ? new Weight("psoft_R.vector_a", ones([rank], ScalarType.Float32, device)) : null;
        _b = options.PsoftMagB ? new Weight("psoft_R.vector_b", ones([rank], ScalarType.Float32, device)) : null;
        _vRI = new Weight("psoft_V", zeros([rank, site.InFeatures], ScalarType.Float32, device));
        _usOR = new Weight("psoft_US", zeros([site.OutFeatures, rank], ScalarType.Float32, device));
        _places = SkewMatrix.Places(rank).to(device).DetachFromDisposeScope();
    }

    public override IReadOnlyList<Weight> Weights => [_skew, .. new[] { _a, _b }.OfType<Weight>()];

    public override IReadOnlyList<Weight> Internal => [_vRI, _usOR];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _options.PsoftDropout, mode);
        var y = LinearProduct.Of(LinearProduct.Of(dropped, _vRI.Value), mm(_usOR.Value, TurnRR()));
        return (Site.Base(x) + y.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return mm(mm(_usOR.Value, TurnRR()), _vRI.Value).MoveToOuterDisposeScope();
    }

    internal void TakeDirections()
    {
        using var scope = NewDisposeScope();
        var (u, s, vh) = linalg.svd(Site.Weight.Value.to(ScalarType.Float32), fullMatrices: false);
        _vRI.Value.copy_(vh.narrow(0, 0, _options.R));
        _usOR.Value.copy_(u.narrow(1, 0, _options.R) * s.narrow(0, 0, _options.R));
    }

    protected override void Release() => _places.Dispose();

    // diag(b) (1 + Q)(1 − Q)⁻¹ diag(a) − 1.
    private Tensor TurnRR()
    {
        var q = SkewMatrix.Of(_skew.Value.unsqueeze(0), _places).squeeze(0);
        var one = eye(_options.R, dtype: ScalarType.Float32, device: q.device);
        var turn = mm(one + q, linalg.inv(one - q));
        if (_b is not null) turn = _b.Value.unsqueeze(1) * turn;
        if (_a is not null) turn = turn * _a.Value;
        return turn - one;
    }
}

/// <summary>PSOFT on a model: the directions come from the weights.</summary>
internal sealed class AttachedPsoft(Psoft variant, PsoftOptions options, IReadOnlyList<PsoftLayer> layers) : AttachedVariant(variant, options, layers)
{
    public override void ReadPeft(PeftTensors tensors)
    {
        foreach (var layer in layers) layer.TakeDirections();
        base.ReadPeft(tensors);
    }

    protected override void SetStartingValues(StartingData data)
    {
        using var noGrad = no_grad();
        foreach (var layer in layers) layer.TakeDirections();
    }
}

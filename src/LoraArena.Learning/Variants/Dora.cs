using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>
/// DoRA: y = m / ‖W + s B A‖ ⊙ (W + s B A) x + b, with the norm of each row of the weight taken as a constant. Liu et al. 2024, arXiv:2402.09353.
/// </summary>
/// <remarks>
/// The norms follow from Gram matrices, ‖w + sba‖² = ‖w‖² + 2s (W Aᵀ ⊙ B) + s² (B A Aᵀ ⊙ B) summed by rows, once for each optimiser step: no pass over W for
/// every forward pass, which is what makes DoRA slow elsewhere.
/// </remarks>
public sealed class Dora : LoraFamily<DoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "dora", "DoRA", "LoRA for the direction of each row of the weight, and a trained number for its length.", "arXiv:2402.09353",
        PeftType: "LORA", ParameterFormula: "r · (I + O) + O")
    {
        Group = VariantGroup.Magnitude,
        Cost = "Row norms once a step, and one more product of the size of the output in each pass.",
    };

    /// <inheritdoc/>
    public override bool Claims(PeftConfigReader config) => config.PeftType == "LORA" && config.Flag("use_dora");

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
        [new("dora", "use_dora false", "that is plain LoRA; take the variant lora", options => !((LoraOptions)options).UseDora)];
}

/// <summary>LoRA's options with the magnitudes trained.</summary>
public sealed record DoraOptions : LoraOptions
{
    /// <summary>DoRA's defaults.</summary>
    public DoraOptions() => UseDora = true;
}

/// <summary>One layer of LoRA with DoRA's magnitudes: what <c>use_dora</c> makes of any method that has LoRA's layer.</summary>
public sealed class DoraLayer : LoraLayer
{
    // Below that a row of the weight counts as zero: it has no direction, and stays as the adapter makes it.
    private const double Least = 1e-10;
    private readonly double _dropout;
    private readonly bool _dropsWhole;
    private Tensor? _baseSquaresO;
    private Tensor? _normO;

    /// <summary>Makes the layer: the magnitudes are the rows' lengths, so that nothing changes.</summary>
    public DoraLayer(Projection site, LoraOptions options, VariantContext context) : base(site, options, context)
    {
        using var scope = NewDisposeScope();
        (_dropout, _dropsWhole) = (options.LoraDropout, options.DoraDropoutPath == "whole");
        Magnitude = new Weight("lora_magnitude_vector", linalg.vector_norm(site.Weight.Value.to(ScalarType.Float32), dims: [1]));
    }

    /// <summary>m, [O].</summary>
    public Weight Magnitude { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [.. base.Weights, Magnitude];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        var whole = _dropsWhole && mode.Training && _dropout > 0;
        if (!whole && !WeightTrains) return base.Forward(x, mode);
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var adapter = LinearProduct.Of(LinearProduct.Of(dropped, A.Value) * Scale, B.Value);
        if (!whole) return Finish(LinearProduct.Of(x, Site.Weight.Value) + adapter.to(x.dtype)).MoveToOuterDisposeScope();
        var factorO = FactorO(NormO());
        var rest = LinearProduct.Of(dropped, Site.Weight.Value) * (factorO - 1);
        return (Site.Base(x) + (rest + (adapter * factorO)).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override bool IsPlain => !_dropsWhole && !WeightTrains;

    /// <inheritdoc/>
    protected override bool NeedsOutput => true;

    /// <inheritdoc/>
    protected override Tensor? ProductBias => null;

    /// <inheritdoc/>
    protected override bool BaseTrains => false;

    /// <inheritdoc/>
    protected override Tensor Finish(Tensor y)
    {
        using var scope = NewDisposeScope();
        var factorO = FactorO(NormO()).to(y.dtype);
        return (Site.Bias is { } bias ? addcmul(bias.In(y.dtype), y, factorO, 1) : y * factorO).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var weight = Site.Weight.Value.to(ScalarType.Float32);
        var direction = weight + base.DeltaWeight();
        return ((FactorO(linalg.vector_norm(direction, dims: [1])).unsqueeze(1) * direction) - weight).MoveToOuterDisposeScope();
    }

    /// <summary>‖W + s B A‖ by rows, [O], as a constant; kept until <see cref="FactorsHaveMoved"/>.</summary>
    public Tensor NormO()
    {
        if (_normO is not null) return _normO;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _baseSquaresO ??= Site.Weight.Value.to(ScalarType.Float32).square().sum(1).DetachFromDisposeScope();
        var (a, b) = (A.Value, B.Value);
        var cross = (mm(Site.Weight.Value.to(ScalarType.Float32), a.t()) * b).sum(1);
        var own = (mm(b, mm(a, a.t())) * b).sum(1);
        return _normO = (_baseSquaresO + (2 * Scale * cross) + (Scale * Scale * own)).clamp_min(0).sqrt().DetachFromDisposeScope();
    }

    /// <summary>Forgets the norms: A or B have changed.</summary>
    public override void FactorsHaveMoved()
    {
        _normO?.Dispose();
        _normO = null;
    }

    // Decay would shorten every row.
    internal override bool Decays(Weight weight) => !ReferenceEquals(weight, Magnitude);

    /// <inheritdoc/>
    protected override void BaseHasMoved()
    {
        _baseSquaresO?.Dispose();
        _baseSquaresO = null;
        FactorsHaveMoved();
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        _baseSquaresO?.Dispose();
        _normO?.Dispose();
    }

    // Where a start asks for the gradient of the weight itself.
    private bool WeightTrains => Site.Weight.Value.requires_grad;

    // m / n; 1 for a row that is zero.
    private Tensor FactorO(Tensor norm) => (Magnitude.Value / norm.clamp_min(Least)).masked_fill(norm.lt(Least), 1);
}

using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
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
        "dora", "DoRA", "LoRA for the direction of each row of the weight, and a trained number for its length.", "arXiv:2402.09353", PeftType: "LORA", ParameterFormula: "r · (I + O) + O");

    /// <inheritdoc/>
    public override bool Claims(PeftConfigReader config) => config.PeftType == "LORA" && config.Flag("use_dora");

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, DoraOptions options, VariantContext context) => new DoraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, DoraOptions options) => base.ParametersOf(site, options) + site.OutFeatures;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(DoraOptions options)
    {
        var config = base.PeftConfig(options);
        config["use_dora"] = true;
        return config;
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, DoraOptions options, IReadOnlyList<AdapterLayer> layers, long seed) => new AttachedDora(this, options, [.. layers.Cast<DoraLayer>()]);
}

/// <summary>LoRA's options, and how dropout acts.</summary>
public sealed record DoraOptions : LoraOptions
{
    /// <summary>What sees the dropped input: adapter, the product B A alone (fast); or whole, the whole rescaled direction as PEFT does it, at the cost of a second pass through W.</summary>
    [AllowedValues("adapter", "whole")]
    public string DoraDropoutPath { get; init; } = "adapter";
}

/// <summary>One layer with DoRA.</summary>
public sealed class DoraLayer : LoraLayer
{
    // Below that a row of the weight counts as zero: it has no direction, and stays as the adapter makes it.
    private const double Least = 1e-10;
    private readonly double _dropout;
    private readonly bool _dropsWhole;
    private Tensor? _baseSquaresO;
    private Tensor? _normO;

    /// <summary>Makes the layer: the magnitudes are the rows' lengths, so that nothing changes.</summary>
    public DoraLayer(Projection site, DoraOptions options, VariantContext context) : base(site, options, context)
    {
        using var scope = NewDisposeScope();
        (_dropout, _dropsWhole) = (options.LoraDropout, options.DoraDropoutPath == "whole");
        Magnitude = new Weight("lora_magnitude_vector", linalg.vector_norm(site.Weight.Value.to(ScalarType.Float32), dims: [1]));
    }

    /// <summary>m, [O].</summary>
    public Weight Magnitude { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [A, B, Magnitude];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var factorO = FactorO(NormO());
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = nn.functional.linear(dropped, A.Value) * Scale;
        var adapter = nn.functional.linear(hNR, B.Value);
        if (_dropsWhole && mode.Training && _dropout > 0)
        {
            var whole = nn.functional.linear(dropped, Site.Weight.Value) * (factorO - 1);
            return (Site.Base(x) + (whole + (adapter * factorO)).to(x.dtype)).MoveToOuterDisposeScope();
        }

        var y = (nn.functional.linear(x, Site.Weight.Value) + adapter.to(x.dtype)) * factorO.to(x.dtype);
        return (Site.Bias is { } bias ? y + bias.Value : y).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var weight = Site.Weight.Value.to(ScalarType.Float32);
        var direction = weight + base.DeltaWeight();
        return ((FactorO(linalg.vector_norm(direction, dims: [1])).unsqueeze(1) * direction) - weight).MoveToOuterDisposeScope();
    }

    /// <summary>‖W + s B A‖ by rows, [O], as a constant; kept until <see cref="WeightsHaveMoved"/>.</summary>
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
    public void WeightsHaveMoved()
    {
        _normO?.Dispose();
        _normO = null;
    }

    /// <inheritdoc/>
    protected override void BaseHasMoved()
    {
        _baseSquaresO?.Dispose();
        _baseSquaresO = null;
        WeightsHaveMoved();
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        _baseSquaresO?.Dispose();
        _normO?.Dispose();
    }

    // m / n; 1 for a row that is zero.
    private Tensor FactorO(Tensor norm) => (Magnitude.Value / norm.clamp_min(Least)).masked_fill(norm.lt(Least), 1);
}

/// <summary>DoRA on a model.</summary>
/// <param name="variant">The method.</param>
/// <param name="options">Its options.</param>
/// <param name="layers">Its layers.</param>
public sealed class AttachedDora(Dora variant, DoraOptions options, IReadOnlyList<DoraLayer> layers) : AttachedLora(variant, options, layers)
{
    private readonly HashSet<Weight> _magnitudes = [.. layers.Select(layer => layer.Magnitude)];

    /// <summary>Decay would shorten every row: the magnitudes have none.</summary>
    public override OptimizerGroup GroupOf(Weight weight) => _magnitudes.Contains(weight) ? OptimizerGroup.Plain with { Decays = false } : base.GroupOf(weight);

    /// <inheritdoc/>
    public override void AfterStep(long step, Optimizer optimizer) => WeightsHaveMoved();

    /// <inheritdoc/>
    public override void ReadPeft(PeftTensors tensors)
    {
        base.ReadPeft(tensors);
        WeightsHaveMoved();
    }

    /// <inheritdoc/>
    public override void ReadCheckpoint(PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        WeightsHaveMoved();
    }

    /// <inheritdoc/>
    protected override void SetStartingValues(StartingData data)
    {
        base.SetStartingValues(data);
        WeightsHaveMoved();
    }

    private void WeightsHaveMoved()
    {
        foreach (var layer in layers) layer.WeightsHaveMoved();
    }
}

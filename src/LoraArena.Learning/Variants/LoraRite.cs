using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;

namespace LoraArena.Learning.Variants;

/// <summary>
/// LoRA-RITE: LoRA with an optimiser whose steps do not depend on how the product B A is split into factors. Yen et al. 2024, arXiv:2410.20625; in
/// the form with square roots of Gram matrices instead of QR factors, which is as invariant and runs for all layers at once.
/// </summary>
public sealed class LoraRite : LoraFamily<LoraRiteOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-rite", "LoRA-RITE", "LoRA with an adaptive optimiser that sees the product of the factors, not the factors.",
        "arXiv:2410.20625", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Optimizer,
        Cost = "Small decompositions for each layer in each step.",
    };

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraRiteOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLoraRite(this, options, [.. layers.Cast<LoraLayer>()]);
}

/// <summary>LoRA's options and the optimiser's.</summary>
public sealed record LoraRiteOptions : LoraOptions
{
    /// <summary>Decay of the average of steps.</summary>
    [Range(0.0, 0.9999)]
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the average of second moments.</summary>
    [Range(0.0, 0.99999)]
    public double Beta2 { get; init; } = 0.999;

    /// <summary>What is added to the root of a second moment's eigenvalue.</summary>
    [Range(1e-12, 1.0)]
    public double Eps { get; init; } = 1e-6;

    /// <summary>Greatest norm of all unmagnified gradients together; 0 for no limit.</summary>
    [Range(0.0, 1e6)]
    public double ClipUnmagnifiedGrad { get; init; } = 1;

    /// <summary>A factor whose unmagnified gradient has a greater root mean square than this is not moved in that step; 0 for no limit.</summary>
    [Range(0.0, 1e6)]
    public double UpdateSkipping { get; init; } = 1;

    /// <summary>
    /// Keeps what the second moment loses when the basis turns as a floor of it, as the paper does and its authors' code by default does
    /// not.
    /// </summary>
    public bool ApplyEscape { get; init; }

    /// <summary>Gives both factors the same norm after each step; the product stays.</summary>
    public bool BalanceParam { get; init; }
}

/// <summary>LoRA-RITE on a model.</summary>
internal sealed class AttachedLoraRite(LoraRite variant, LoraRiteOptions options, IReadOnlyList<LoraLayer> layers) : AttachedLora(variant, options, layers)
{
    private readonly HashSet<Weight> _factors = [.. layers.SelectMany(layer => new[] { layer.A, layer.B })];

    public override OptimizerGroup GroupOf(Weight weight) => _factors.Contains(weight) ? OptimizerGroup.Plain with { HasOwnRule = true } : base.GroupOf(weight);

    public override Optimizer CreateOptimizer(FlatParameters parameters, double weightDecay)
        => new Rite(base.CreateOptimizer(parameters, weightDecay), LoraLayers, options, weightDecay);
}

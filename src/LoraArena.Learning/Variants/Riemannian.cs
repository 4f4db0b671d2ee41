using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>
/// Riemannian preconditioned LoRA: the gradient of each factor is scaled by the other's inverse Gram matrix, so that a step depends on the product
/// B A more than on how it is split. Zhang and Pilanci 2024, arXiv:2402.02347.
/// </summary>
public sealed class RiemannianLora : LoraFamily<RiemannianLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "riemannian-lora", "Riemannian LoRA", "LoRA whose gradients are preconditioned by the other factor, r × r numbers a layer.",
        "arXiv:2402.02347", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Optimizer,
        Cost = "Small decompositions for each layer in each step.",
    };

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, RiemannianLoraOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedRiemannianLora(this, options, [.. layers.Cast<LoraLayer>()]);
}

/// <summary>LoRA's options, and the damping of the preconditioner.</summary>
public sealed record RiemannianLoraOptions : LoraOptions
{
    /// <summary>What is added to the diagonal before it is inverted: it bounds the steps while B is still near zero.</summary>
    [Range(1e-12, 1000.0)]
    public double Reg { get; init; } = 0.01;
}

/// <summary>Preconditioned LoRA on a model: g_A ← (BᵀB + δ)⁻¹ g_A and g_B ← g_B (AAᵀ + δ)⁻¹, then the optimiser as ever.</summary>
internal sealed class AttachedRiemannianLora(
    RiemannianLora variant, RiemannianLoraOptions options, IReadOnlyList<LoraLayer> layers) : AttachedLora(variant, options, layers)
{
    private readonly IReadOnlyList<IReadOnlyList<LoraLayer>> _byRank = FactorStack.ByRank(layers);

    public override void AfterBackward(long step)
    {
        foreach (var group in _byRank)
        {
            using var scope = NewDisposeScope();
            var grams = cat([FactorStack.GramsOfB(group), FactorStack.GramsOfA(group)]);
            var (values, vectors) = linalg.eigh(grams);
            var inverse = FactorStack.OfEigenvalues((values.clamp_min(0) + options.Reg).reciprocal(), vectors).to(ScalarType.Float32);
            for (var i = 0; i < group.Count; i++)
            {
                group[i].A.Value.grad!.copy_(mm(inverse[i], group[i].A.Value.grad!));
                group[i].B.Value.grad!.copy_(mm(group[i].B.Value.grad!, inverse[group.Count + i]));
            }
        }
    }
}

using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R reflections, I features in, O features out.

/// <summary>
/// HRA: W' = W H₁ … H_r with the Householder reflections H = I − 2 û ûᵀ of r trained directions. Yuan et al. 2024, arXiv:2405.17484.
/// </summary>
/// <remarks>
/// The product is I − U T Uᵀ with T⁻¹ = I/2 + the part of UᵀU above its diagonal (the compact WY form), so the input passes two thin
/// matrices.
/// </remarks>
public sealed class Hra : LoraVariant<HraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "hra", "HRA", "Reflects each layer's input along a few trained directions: the weight turns but keeps its singular values.",
        "arXiv:2405.17484", PeftType: "HRA", ParameterFormula: "r · I")
    {
        Group = VariantGroup.Other,
        Cost = "A few reflections of each input.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, HraOptions options, VariantContext context) => new HraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, HraOptions options) => options.R * site.InFeatures;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(HraOptions options) => new() { ["r"] = options.R, ["apply_GS"] = false, ["bias"] = "none", ["init_weights"] = true };

    /// <inheritdoc/>
    public override HraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("apply_GS");
        config.Require("bias", "none");
        return new HraOptions { R = config.Size("r", 8) };
    }
}

/// <summary>Options of HRA, by PEFT's names.</summary>
public sealed record HraOptions : VariantOptions
{
    /// <summary>Number of reflections; even, as they start in pairs that undo one another.</summary>
    [Range(2, 1024)]
    public int R { get; init; } = 8;

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        if (R % 2 != 0) throw new OptionException($"hra: r is {R}, but reflections start in pairs that undo one another; take an even number.");
    }
}

/// <summary>One layer with HRA.</summary>
internal sealed class HraLayer : AdapterLayer
{
    public HraLayer(Projection site, HraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        context.SeedStart();

        // Each direction twice: the pairs undo one another. The bound is that of Kaiming's rule for half as many columns.
        var halves = LoraStart.Kaiming(site.InFeatures, Math.Max(1, options.R / 2));
        var columns = options.R % 2 == 0 ? halves.repeat_interleave(2, dim: 1) : LoraStart.Kaiming(site.InFeatures, options.R);
        U = new Weight("hra_u", columns.contiguous().to(site.Weight.Value.device));
    }

    /// <summary>The directions, [I, R].</summary>
    public Weight U { get; }

    public override IReadOnlyList<Weight> Weights => [U];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (unitIR, middleRR) = Factors();
        var input = x.to(ScalarType.Float32);
        var reflected = input - LinearProduct.Of(LinearProduct.Of(input, mm(middleRR, unitIR.t())), unitIR);
        return Site.Base(reflected.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (unitIR, middleRR) = Factors();
        return (-mm(mm(mm(Site.Weight.Value.to(ScalarType.Float32), unitIR), middleRR), unitIR.t())).MoveToOuterDisposeScope();
    }

    // Û and T of ∏ H = I − Û T Ûᵀ.
    private (Tensor UnitIR, Tensor MiddleRR) Factors()
    {
        var u = U.Value;
        var unit = u / u.square().sum(0, keepdim: true).sqrt();
        var inverse = mm(unit.t(), unit).triu(1) + (0.5 * eye(u.shape[1], dtype: ScalarType.Float32, device: u.device));
        return (unit, linalg.inv(inverse));
    }
}

using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>
/// PiSSA: LoRA that starts with the r largest singular triplets of the weight, which leave the base. Meng et al. 2024, arXiv:2404.02948.
/// </summary>
public sealed class Pissa : LoraFamily<PissaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "pissa", "PiSSA", "LoRA that trains the principal part of each weight from its first step on.", "arXiv:2404.02948",
        PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Start,
        Cost = "A singular value decomposition of each weight at the start, which pissa_niter makes cheaper, then none.",
        LearningRateFactor = 0.25,
        MovesBase = true,
    };
}

/// <summary>LoRA's options, started from the largest singular values.</summary>
public sealed record PissaOptions : LoraOptions
{
    /// <summary>PiSSA's defaults: lora_alpha equals r.</summary>
    public PissaOptions() => (InitLoraWeights, LoraAlpha, LoraDropout) = ("pissa", 16, 0);

    /// <summary>
    /// Power iterations of a randomised decomposition, which takes seconds where the exact one takes minutes (PEFT's pissa_niter_16 is 16);
    /// 0 for the exact one.
    /// </summary>
    [Range(0, 64)]
    public int PissaNiter { get; init; }
}

/// <summary>
/// MiLoRA: LoRA that starts with the r smallest singular triplets of the weight, so that what the model knows best stays frozen. Wang et al.
/// 2024, arXiv:2406.09044.
/// </summary>
public sealed class MiLora : LoraFamily<MiLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "milora", "MiLoRA", "LoRA that trains the least important part of each weight and leaves the principal part alone.",
        "arXiv:2406.09044", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Start,
        Cost = "A singular value decomposition of each weight at the start, then none.",
        MovesBase = true,
    };
}

/// <summary>LoRA's options, started from the smallest singular values.</summary>
public sealed record MiLoraOptions : LoraOptions
{
    /// <summary>MiLoRA's defaults.</summary>
    public MiLoraOptions() => (InitLoraWeights, LoraAlpha, LoraDropout) = ("milora", 16, 0);
}

/// <summary>A = √(S/s) Vᵀ and B = U √(S/s) of some singular triplets of the weight W = U S Vᵀ.</summary>
internal abstract class SingularStart : LoraStart
{
    public override bool MovesBase => true;

    public override void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
        foreach (var (layer, index) in layers.Select((layer, index) => (layer, index)))
        {
            using var scope = NewDisposeScope();
            var (shape, rank) = (layer.Site.Shape, layer.Rank);
            if (rank > shape.Narrow)
            {
                throw new OptionException($"{Name} needs a rank of at most {shape.Narrow} at {shape.Path}, which has no more singular values; r is {rank}.");
            }

            var weight = layer.Site.Weight.Value.to(ScalarType.Float32);
            var iterations = options is PissaOptions { PissaNiter: var wanted } && this is PissaStart ? wanted : 0;
            var (u, s, vh) = iterations == 0 ? linalg.svd(weight, fullMatrices: false) : LowRank.RandomSvd(weight, rank, iterations, data.Seed, index);
            var first = FirstOf(shape.Narrow, rank);
            var root = (s.narrow(0, first, rank) / layer.Scale).sqrt();
            layer.StartFrom(root.unsqueeze(1) * vh.narrow(0, first, rank), u.narrow(1, first, rank) * root);
        }
    }

    protected abstract long FirstOf(long count, long rank);
}

/// <summary>The largest singular values.</summary>
internal sealed class PissaStart : SingularStart
{
    public override string Name => "pissa";

    protected override long FirstOf(long count, long rank) => 0;
}

/// <summary>The smallest singular values.</summary>
internal sealed class MiLoraStart : SingularStart
{
    public override string Name => "milora";

    protected override long FirstOf(long count, long rank) => count - rank;
}

using LoraArena.Core.Runs;

namespace LoraArena.Learning.Variants;

/// <summary>
/// LoRA+: B learns at a multiple of A's learning rate. Hayou et al. 2024, arXiv:2402.12354. The head and everything else keep the run's rate and
/// decay; PEFT's own optimiser gives the head's bias B's rate and takes the decay away, which this does not follow.
/// </summary>
public sealed class LoraPlus : LoraFamily<LoraPlusOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-plus", "LoRA+", "LoRA whose B learns at a multiple of A's learning rate.", "arXiv:2402.12354", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Optimizer,
        QuantizedBase = true,
        Cost = "None: another rate for half of the numbers.",
        LearningRateFactor = 0.5,
    };
}

/// <summary>LoRA's options with B sixteen times as fast, the paper's default.</summary>
public sealed record LoraPlusOptions : LoraOptions
{
    /// <summary>LoRA+'s defaults.</summary>
    public LoraPlusOptions() => LoraplusLrRatio = 16;
}

using LoraArena.Core.Runs;
using LoraArena.Learning.Peft;

namespace LoraArena.Learning.Variants;

/// <summary>rsLoRA: LoRA scaled by α/√r, which keeps the size of an update the same at every rank. Kalajdzievski 2023, arXiv:2312.03732.</summary>
public sealed class RsLora : LoraFamily<RsLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "rslora", "rsLoRA", "LoRA whose scale falls with the root of the rank, so that high ranks learn as fast as low ones.",
        "arXiv:2312.03732", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        QuantizedBase = true,
        Cost = "None: another number for the scale.",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
        [new("rslora", "use_rslora false", "that is plain LoRA; take the variant lora", options => !((LoraOptions)options).UseRslora)];

    /// <inheritdoc/>
    public override bool Claims(PeftConfigReader config) => config.PeftType == "LORA" && config.Flag("use_rslora") && !config.Flag("use_dora");
}

/// <summary>LoRA's options with another scale: α = 8 at rank 16 gives the same 2 as LoRA's 32.</summary>
public sealed record RsLoraOptions : LoraOptions
{
    /// <summary>rsLoRA's defaults.</summary>
    public RsLoraOptions() => (UseRslora, LoraAlpha) = (true, 8);
}

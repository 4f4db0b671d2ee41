using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>LoRA: y = Wx + b + (α/r) B A dropout(x), with W frozen. Hu et al. 2021, arXiv:2106.09685.</summary>
public sealed class Lora : LoraFamily<LoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora", "LoRA", "Adds a trainable product of two thin matrices to each frozen weight.", "arXiv:2106.09685", PeftType: "LORA",
        ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        QuantizedBase = true,
        Cost = "What the others are measured against.",
    };

    /// <inheritdoc/>
    public override bool Claims(PeftConfigReader config)
        => config.PeftType == "LORA" && !config.Flag("use_dora") && !config.Flag("use_rslora") && !config.Is("init_lora_weights", Mica.Start);
}

/// <summary>Options of LoRA and of every method that is LoRA with one thing changed, by PEFT's names.</summary>
public record LoraOptions : VariantOptions
{
    /// <summary>Rank: the width between the two thin matrices.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 16;

    /// <summary>The product is scaled by lora_alpha / r. A common choice is twice the rank.</summary>
    [Range(0.0, 100_000.0)]
    public double LoraAlpha { get; init; } = 32;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double LoraDropout { get; init; }

    /// <summary>
    /// Starting values: kaiming (PEFT's true: A uniform within ±1/√I, B zero), gaussian (A with deviation 1/r), or one of the methods that
    /// start from the weights or the data.
    /// </summary>
    [OptionChoices(typeof(LoraStart))]
    public string InitLoraWeights { get; init; } = "kaiming";

    /// <summary>Scales the product by lora_alpha / √r instead, so that high ranks learn as fast as low ones (rsLoRA).</summary>
    public bool UseRslora { get; init; }

    /// <summary>Learning rate of B over that of A (LoRA+). 1 is plain LoRA.</summary>
    [Range(0.01, 1000.0)]
    public double LoraplusLrRatio { get; init; } = 1;

    /// <summary>Trains a number for the length of each row of the weight, and lets the product change its direction alone (DoRA).</summary>
    public bool UseDora { get; init; }

    /// <summary>
    /// With use_dora, what sees the dropped input: adapter, the product B A alone (fast); or whole, the whole rescaled direction as PEFT
    /// does it, at the cost of a second pass through W.
    /// </summary>
    [AllowedValues("adapter", "whole")]
    public string DoraDropoutPath { get; init; } = "adapter";

    /// <summary>Which of the model's own biases are trained too: none, all, or lora_only, those of the layers that carry an adapter.</summary>
    [AllowedValues("none", "all", "lora_only")]
    public string Bias { get; init; } = "none";

    /// <summary>Another rank for some layers: the end of a layer's path, an equals sign and the rank, as in query=4, output.dense=32.</summary>
    public string? RankPattern { get; init; }

    /// <summary>Another lora_alpha for some layers, written as for rank_pattern.</summary>
    public string? AlphaPattern { get; init; }

    // Methods that leave one factor as it is say so here.
    internal virtual bool TrainsA => true;

    internal virtual bool TrainsB => true;

    /// <summary>Rank of a site.</summary>
    public int RankOf(string path) => SitePattern.Parse("rank_pattern", RankPattern).For(path) is { } rank ? (int)rank : R;

    /// <summary>What multiplies B A at a site.</summary>
    public double ScaleOf(string path)
    {
        var alpha = SitePattern.Parse("alpha_pattern", AlphaPattern).For(path) ?? LoraAlpha;
        return alpha / (UseRslora ? Math.Sqrt(RankOf(path)) : RankOf(path));
    }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        foreach (var (_, rank) in SitePattern.ParseRanks(RankPattern).Entries.Append(new("r", R))) LoraStart.Get(InitLoraWeights).CheckRank((int)rank);
        _ = SitePattern.Parse("alpha_pattern", AlphaPattern);
    }
}

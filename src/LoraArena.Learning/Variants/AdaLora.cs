using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;

namespace LoraArena.Learning.Variants;

// R init_r, I features in, O features out, L layers.

/// <summary>
/// AdaLoRA: ΔW = (α/init_r) B diag(E) A, and the entries of E that matter least of all layers together are set to zero while the training goes on,
/// until target_r a layer are left on average. Zhang et al. 2023, arXiv:2303.10512.
/// </summary>
public sealed class AdaLora : LoraVariant<AdaLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "adalora", "AdaLoRA", "Starts with more rank than it keeps and takes it away where it matters least.", "arXiv:2303.10512",
        PeftType: "ADALORA", ParameterFormula: "init_r · (I + O + 1)")
    {
        Group = VariantGroup.LowRank,
        Cost = "Two more averages for each trained number, and a little time for ranking them.",
        LearningRateFactor = 2.5,
        SizeOption = "init_r",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("target_r", "a smaller init_r", "ranks are only taken away", options => ((AdaLoraOptions)options).TargetR > ((AdaLoraOptions)options).InitR),
    ];

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, AdaLoraOptions options, VariantContext context) => new AdaLoraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, AdaLoraOptions options) => options.InitR * (site.InFeatures + site.OutFeatures + 1);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(AdaLoraOptions options) => new()
    {
        ["init_r"] = options.InitR,
        ["target_r"] = options.TargetR,
        ["r"] = 8,
        ["lora_alpha"] = options.LoraAlpha,
        ["lora_dropout"] = options.LoraDropout,
        ["beta1"] = options.Beta1,
        ["beta2"] = options.Beta2,
        ["orth_reg_weight"] = options.OrthRegWeight,
        ["tinit"] = options.Tinit ?? 0,
        ["tfinal"] = options.Tfinal ?? 0,
        ["deltaT"] = options.DeltaT ?? 1,
        ["total_step"] = Math.Max(options.TotalStep, (options.Tinit ?? 0) + (options.Tfinal ?? 0) + 1),
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["use_dora"] = false,
        ["use_rslora"] = false,
        ["init_lora_weights"] = true,
    };

    /// <inheritdoc/>
    public override AdaLoraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("lora_bias", "fan_in_fan_out", "use_dora", "use_rslora", "layer_replication");
        config.Require("bias", "none");
        return new AdaLoraOptions
        {
            InitR = config.Size("init_r", 12),
            TargetR = config.Size("target_r", 8),
            LoraAlpha = config.Number("lora_alpha", 8),
            LoraDropout = config.Number("lora_dropout", 0),
            Beta1 = config.Number("beta1", 0.85),
            Beta2 = config.Number("beta2", 0.85),
            OrthRegWeight = config.Number("orth_reg_weight", 0.5),
            Tinit = (int)config.Number("tinit", 0),
            Tfinal = (int)config.Number("tfinal", 0),
            DeltaT = config.Size("deltaT", 1),
            TotalStep = (int)config.Number("total_step", 0),
        };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, AdaLoraOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedAdaLora(this, options, [.. layers.Cast<AdaLoraLayer>()]);
}

/// <summary>Options of AdaLoRA, by PEFT's names.</summary>
public sealed record AdaLoraOptions : VariantOptions
{
    /// <summary>Rank that every layer starts with: one and a half times target_r is usual.</summary>
    [Range(1, 1024)]
    public int InitR { get; init; } = 12;

    /// <summary>Rank that is left at the end, on average over the layers.</summary>
    [Range(1, 1024)]
    public int TargetR { get; init; } = 8;

    /// <summary>The update is scaled by lora_alpha / init_r, however much is left.</summary>
    [Range(0.0, 100_000.0)]
    public double LoraAlpha { get; init; } = 32;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double LoraDropout { get; init; }

    /// <summary>Steps before ranks are taken away; nothing for a tenth of the training.</summary>
    [Range(0, 10_000_000)]
    public int? Tinit { get; init; }

    /// <summary>Steps at the end in which the ranks stay as they are; nothing for three tenths of the training.</summary>
    [Range(0, 10_000_000)]
    public int? Tfinal { get; init; }

    /// <summary>Steps between two times that ranks are taken away; nothing for a hundredth of the training.</summary>
    [Range(1, 10_000_000)]
    public int? DeltaT { get; init; }

    /// <summary>Decay of the average of importance.</summary>
    [Range(0.01, 0.9999)]
    public double Beta1 { get; init; } = 0.85;

    /// <summary>Decay of the average of its uncertainty.</summary>
    [Range(0.01, 0.9999)]
    public double Beta2 { get; init; } = 0.85;

    /// <summary>Weight of the term that keeps B's columns and A's rows orthonormal.</summary>
    [Range(0.0, 100.0)]
    public double OrthRegWeight { get; init; } = 0.5;

    // What a file says; a training counts its own steps.
    internal int TotalStep { get; init; }
}

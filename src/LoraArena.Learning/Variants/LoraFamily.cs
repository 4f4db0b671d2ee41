using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>LoRA and the methods that are LoRA with one thing changed: they share options, layer and file format.</summary>
/// <typeparam name="TOptions">The record of its options.</typeparam>
public abstract class LoraFamily<TOptions> : LoraVariant<TOptions> where TOptions : LoraOptions, new()
{
    /// <summary>A start from the base weights, one that moves them, and magnitudes need their numbers.</summary>
    public override bool WorksOnQuantizedBase(VariantOptions options)
        => Info.QuantizedBase && options is LoraOptions { UseDora: false, InitLoraWeights: "kaiming" or "gaussian" or "eva" };

    /// <summary>No file is read as this variant unless it says so: on disk most of the family are plain LoRA.</summary>
    public override bool Claims(PeftConfigReader config) => false;

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, TOptions options, VariantContext context)
        => options.UseDora ? new DoraLayer(site, options, context) : new LoraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, TOptions options)
        => (options.RankOf(site.Path) * ((options.TrainsA ? site.InFeatures : 0) + (options.TrainsB ? site.OutFeatures : 0))) + (options.UseDora ? site.OutFeatures : 0);

    /// <inheritdoc/>
    public override IEnumerable<AdapterWeight> TrainedBaseWeights(PreferenceModel model, VariantOptions options)
        => base.TrainedBaseWeights(model, options)
            .Concat(BaseTraining.Biases(model, ((LoraOptions)options).Bias, SitesOf(model, options)))
            .DistinctBy(w => w.Key);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(TOptions options) => new()
    {
        ["r"] = options.R,
        ["lora_alpha"] = options.LoraAlpha,
        ["lora_dropout"] = options.LoraDropout,
        ["init_lora_weights"] = LoraStart.Get(options.InitLoraWeights).PeftName is { } name ? name : true,
        ["bias"] = options.Bias,
        ["fan_in_fan_out"] = false,
        ["rank_pattern"] = Table("rank_pattern", options.RankPattern),
        ["alpha_pattern"] = Table("alpha_pattern", options.AlphaPattern),
        ["use_rslora"] = options.UseRslora,
        ["use_dora"] = options.UseDora,
    };

    /// <inheritdoc/>
    public override TOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("lora_bias", "fan_in_fan_out", "layer_replication", "target_parameters", "trainable_token_indices", "use_qalora", "use_bdlora");
        config.RequireUnset("alora_invocation_tokens", "arrow_config", "kasa_config", "monteclora_config", "velora_config");
        config.Require("bias", "none", "all", "lora_only");

        // Starts such as PiSSA's move the base weight too: their A and B alone do not give the trained model.
        config.Require("init_lora_weights", "true", "false", "gaussian", "orthogonal", "eva", "mica");
        return new TOptions() with
        {
            // What PEFT itself assumes where a field is missing.
            R = config.Size("r", 8),
            LoraAlpha = config.Number("lora_alpha", 8),
            LoraDropout = config.Number("lora_dropout", 0),
            UseRslora = config.Flag("use_rslora"),
            UseDora = config.Flag("use_dora"),
            DoraDropoutPath = "whole",
            Bias = config.Text("bias") ?? "none",
            RankPattern = config.Table("rank_pattern"),
            AlphaPattern = config.Table("alpha_pattern"),
            InitLoraWeights = "kaiming",
        };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, TOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLora(this, options, [.. layers.Cast<LoraLayer>()]);

    private static JsonObject Table(string name, string? pattern)
        => new(SitePattern.Parse(name, pattern).Entries.Select(e =>
            KeyValuePair.Create<string, JsonNode?>(e.Key, name == "rank_pattern" ? JsonValue.Create((int)e.Value) : JsonValue.Create(e.Value))));
}

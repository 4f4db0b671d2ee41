using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>LoRA: y = Wx + b + (α/r) B A dropout(x), with W frozen. Hu et al. 2021, arXiv:2106.09685.</summary>
public sealed class Lora : LoraVariant
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora", "LoRA", "Adds a trainable product of two thin matrices to each frozen weight.", "arXiv:2106.09685", PeftType: "LORA", ParameterFormula: "r · (I + O)");

    /// <inheritdoc/>
    public override Type OptionsType => typeof(LoraOptions);

    /// <inheritdoc/>
    public override VariantOptions ReadOptions(JsonObject given) => OptionSchema.Read<LoraOptions>(given, "variant lora");

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, VariantOptions options, VariantContext context) => new LoraLayer(site, (LoraOptions)options, context);

    /// <inheritdoc/>
    public override long ParametersOf(long inFeatures, long outFeatures, VariantOptions options) => ((LoraOptions)options).R * (inFeatures + outFeatures);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(VariantOptions options)
    {
        var lora = (LoraOptions)options;
        return new JsonObject
        {
            ["r"] = lora.R,
            ["lora_alpha"] = lora.LoraAlpha,
            ["lora_dropout"] = lora.LoraDropout,
            ["init_lora_weights"] = lora.InitLoraWeights == "gaussian" ? "gaussian" : true,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["rank_pattern"] = new JsonObject(),
            ["alpha_pattern"] = new JsonObject(),
            ["use_rslora"] = false,
            ["use_dora"] = false,
        };
    }

    /// <inheritdoc/>
    public override VariantOptions FromPeftConfig(PeftConfigReader config)
    {
        config.RequireUnset("use_dora", "use_rslora", "lora_bias", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "layers_to_transform", "exclude_modules", "layer_replication");
        config.RequireUnset("target_parameters", "trainable_token_indices", "use_qalora", "use_bdlora", "alora_invocation_tokens", "arrow_config", "kasa_config", "monteclora_config", "velora_config");
        config.Require("bias", "none");

        // Starts such as PiSSA's move the base weight too: their A and B alone do not give the trained model.
        config.Require("init_lora_weights", "true", "false", "gaussian", "orthogonal", "eva");
        return new LoraOptions
        {
            // What PEFT itself assumes where a field is missing.
            R = config.Size("r", 8),
            LoraAlpha = config.Number("lora_alpha", 8),
            LoraDropout = config.Number("lora_dropout", 0),
            TargetModules = config.TargetModules(),
        };
    }
}

/// <summary>Options of LoRA, by PEFT's names.</summary>
public sealed record LoraOptions : VariantOptions
{
    /// <summary>Rank: the width between the two thin matrices.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 16;

    /// <summary>The product is scaled by lora_alpha / r. A common choice is twice the rank.</summary>
    [Range(0.0, 100_000.0)]
    public double LoraAlpha { get; init; } = 32;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double LoraDropout { get; init; } = 0.05;

    /// <summary>Starting values of A: kaiming (PEFT's true: uniform within ±1/√I) or gaussian (deviation 1/r). B starts at 0 in both.</summary>
    [AllowedValues("kaiming", "gaussian")]
    public string InitLoraWeights { get; init; } = "kaiming";
}

/// <summary>One layer with LoRA.</summary>
internal sealed class LoraLayer : AdapterLayer
{
    private readonly Weight lora_A; // [R, I]
    private readonly Weight lora_B; // [O, R]
    private readonly double _scale;
    private readonly double _dropout;

    public LoraLayer(Projection site, LoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        _scale = options.LoraAlpha / options.R;
        _dropout = options.LoraDropout;
        var device = site.Weight.Value.device;
        RandomStreams.Seed(CPU, context.Seed, RandomStreams.Purpose.Initialisation, context.Index);
        var aRI = empty([options.R, site.InFeatures], ScalarType.Float32, CPU);
        if (options.InitLoraWeights == "gaussian")
        {
            aRI.normal_(0, 1.0 / options.R);
        }
        else
        {
            var bound = 1 / Math.Sqrt(site.InFeatures);
            aRI.uniform_(-bound, bound);
        }

        lora_A = new Weight("lora_A.weight", aRI.to(device));
        lora_B = new Weight("lora_B.weight", zeros([site.OutFeatures, options.R], ScalarType.Float32, device));
    }

    public override IReadOnlyList<Weight> Weights => [lora_A, lora_B];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = nn.functional.linear(dropped, lora_A.Value) * _scale;
        var deltaNO = nn.functional.linear(hNR, lora_B.Value);
        return (Site.Base(x) + deltaNO.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (mm(lora_B.Value, lora_A.Value) * _scale).MoveToOuterDisposeScope();
    }
}

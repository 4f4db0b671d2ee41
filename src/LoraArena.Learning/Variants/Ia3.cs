using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// I features in, O features out.

/// <summary>
/// IA³: a vector that scales each feature of a layer's output, bias included, or of its input where the layer closes a feed-forward block.
/// Liu et al. 2022, arXiv:2205.05638.
/// </summary>
public sealed class Ia3 : LoraVariant<Ia3Options>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "ia3", "IA³", "Scales each feature of a layer's output, or of a feed-forward layer's input, by a trained number.",
        "arXiv:2205.05638", PeftType: "IA3", ParameterFormula: "O, or I for feedforward_modules")
    {
        Group = VariantGroup.Magnitude,
        Cost = "Less of everything: one multiplication a layer.",
        LearningRateFactor = 8,
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, Ia3Options options, VariantContext context) => new Ia3Layer(site, options.ScalesInput(site.Shape));

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, Ia3Options options) => options.ScalesInput(site) ? site.InFeatures : site.OutFeatures;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(Ia3Options options) => new()
    {
        ["feedforward_modules"] = options.FeedforwardModules,
        ["init_ia3_weights"] = true,
        ["fan_in_fan_out"] = false,
    };

    /// <inheritdoc/>
    public override Ia3Options FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out");
        var inputs = config.PathEnds("feedforward_modules")
            ?? throw config.Error("there is no feedforward_modules, so it is not known which layers' inputs are scaled");
        return new Ia3Options { FeedforwardModules = inputs.Length > 0 ? inputs : null };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, Ia3Options options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedIa3(this, options, layers);
}

/// <summary>Options of IA³, by PEFT's names.</summary>
public sealed record Ia3Options : VariantOptions
{
    /// <summary>
    /// Adapted layers whose input is scaled instead of their output: those that close a feed-forward block. Names separated by commas that
    /// a layer's path ends in, or a regular expression for the whole path; nothing for none.
    /// </summary>
    public string? FeedforwardModules { get; init; } = "down_proj, output.dense, mlp.Wo";

    /// <summary>True if a site's input is scaled, not its output.</summary>
    public bool ScalesInput(SiteShape site) => FeedforwardModules is { } inputs && Variants.TargetModules.Matches(site, inputs);

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        _ = ScalesInput(new SiteShape("", 1, 1));
    }
}

/// <summary>IA³ on a model: adapter_config.json names the layers whose input is scaled one by one.</summary>
internal sealed class AttachedIa3(LoraVariant variant, Ia3Options options, IReadOnlyList<AdapterLayer> layers) : AttachedVariant(variant, options, layers)
{
    /// <inheritdoc/>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        adapter.Config["feedforward_modules"] =
            new JsonArray([.. Layers.Where(layer => ((Ia3Layer)layer).ScalesInput).Select(layer => (JsonNode)layer.Site.Path)]);
        return adapter;
    }
}

/// <summary>One layer with IA³.</summary>
internal sealed class Ia3Layer : AdapterLayer
{
    private readonly Weight _scale;

    public Ia3Layer(Projection site, bool scalesInput) : base(site)
    {
        ScalesInput = scalesInput;
        long[] shape = scalesInput ? [1, site.InFeatures] : [site.OutFeatures, 1];
        _scale = new Weight("ia3_l", ones(shape, ScalarType.Float32, site.Weight.Value.device));
    }

    /// <summary>True if the input is scaled, not the output.</summary>
    public bool ScalesInput { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [_scale];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var scale = _scale.Value.view(-1);
        var y = ScalesInput ? Site.Base((x * scale).to(x.dtype)) : (Site.Base(x) * scale).to(x.dtype);
        return y.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (Site.Weight.Value.to(ScalarType.Float32) * (_scale.Value - 1)).MoveToOuterDisposeScope();
    }

    /// <summary>Scales the weight, and the bias with it where the output is scaled.</summary>
    public override void Merge()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Site.Weight.Value.mul_(_scale.Value);
        if (!ScalesInput) Site.Bias?.Value.mul_(_scale.Value.view(-1));
        Site.Adapter = null;
    }
}

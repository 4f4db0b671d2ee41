using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>
/// A method of fine-tuning. One variant is one file in this folder: its options, its layer, its hooks, its merge and its names in PEFT's
/// format. <see cref="VariantCatalog"/> finds it; nothing else has to change.
/// </summary>
public abstract class LoraVariant
{
    /// <summary>How it is listed, saved and found again.</summary>
    public abstract VariantInfo Info { get; }

    /// <summary>The record of its options.</summary>
    public abstract Type OptionsType { get; }

    /// <summary>Reads options by PEFT's names.</summary>
    /// <exception cref="OptionException">A name is unknown, or a value is of the wrong kind or out of bounds.</exception>
    public abstract VariantOptions ReadOptions(JsonObject given);

    /// <summary>Puts this variant's layer on one site.</summary>
    public abstract AdapterLayer Wrap(Projection site, VariantOptions options, VariantContext context);

    /// <summary>Trainable parameters that it adds to a site of the given sizes: the formula that <see cref="VariantInfo.ParameterFormula"/> states.</summary>
    public abstract long ParametersOf(long inFeatures, long outFeatures, VariantOptions options);

    /// <summary>What adapter_config.json says besides base model, targets and head.</summary>
    public abstract JsonObject PeftConfig(VariantOptions options);

    /// <summary>The options that an adapter_config.json stands for.</summary>
    /// <exception cref="PeftException">It asks for something that this variant does not do.</exception>
    public abstract VariantOptions FromPeftConfig(PeftConfigReader config);

    /// <summary>Folds an adapter into its base weight: W += ΔW, in fp32.</summary>
    public virtual void Merge(AdapterLayer layer)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var weight = layer.Site.Weight.Value;
        weight.copy_((weight.to(ScalarType.Float32) + layer.DeltaWeight()).to(weight.dtype));
        layer.Site.Adapter = null;
    }
}

/// <summary>Options that every variant has. Variants derive their own.</summary>
public abstract record VariantOptions
{
    /// <summary>Which linear layers carry an adapter: all-linear, or names separated by commas that a layer's path ends in, or a regular expression for the whole path.</summary>
    public string TargetModules { get; init; } = "all-linear";
}

/// <summary>How a variant is listed, saved and found again.</summary>
/// <param name="Id">Lower-case id in specs, URLs and test names.</param>
/// <param name="Name">Its name in the literature.</param>
/// <param name="Summary">One line.</param>
/// <param name="Paper">Where it is described.</param>
/// <param name="PeftType">PEFT's peft_type; null where PEFT has no such method.</param>
/// <param name="ParameterFormula">Trainable parameters of a site with I features in and O out.</param>
public sealed record VariantInfo(string Id, string Name, string Summary, string Paper, string? PeftType, string ParameterFormula);

/// <summary>What a variant may use while it puts its layers in place.</summary>
/// <param name="Seed">The run's seed.</param>
/// <param name="Index">Number of the site in the model, from 0: with the seed it names the site's random stream.</param>
public sealed record VariantContext(long Seed, int Index);

/// <summary>One adapted linear layer: the frozen base and this variant's own weights. I features in, O out.</summary>
/// <param name="site">The layer that carries it.</param>
public abstract class AdapterLayer(Projection site) : IDisposable
{
    /// <summary>The layer that carries it.</summary>
    public Projection Site { get; } = site;

    /// <summary>Its trainable weights, named as PEFT names them after the layer's path: <c>lora_A.weight</c>.</summary>
    public abstract IReadOnlyList<Weight> Weights { get; }

    /// <summary>[…, I] → […, O], base included.</summary>
    public abstract Tensor Forward(Tensor x, ForwardMode mode);

    /// <summary>What merging adds to W, fp32 [O, I].</summary>
    public abstract Tensor DeltaWeight();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weight in Weights) weight.Dispose();
        GC.SuppressFinalize(this);
    }
}

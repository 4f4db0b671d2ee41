using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;
using TorchSharp;

namespace LoraArena.Learning.Variants;

/// <summary>
/// A method of fine-tuning. One variant is one file in this folder: its options, its layer, its hooks, its merge and its names in PEFT's
/// format. <see cref="VariantCatalog"/> finds it; nothing else has to change. Derive <see cref="LoraVariant{TOptions}"/>.
/// </summary>
public abstract class LoraVariant
{
    /// <summary>How it is listed, saved and found again.</summary>
    public abstract VariantInfo Info { get; }

    /// <summary>The record of its options.</summary>
    public abstract Type OptionsType { get; }

    /// <summary>Settings of it that exclude one another, each with the reason.</summary>
    public virtual IReadOnlyList<OptionRule> Rules => [];

    /// <summary>True if it works with these options where the base weights are codes of fewer bits.</summary>
    public virtual bool WorksOnQuantizedBase(VariantOptions options) => Info.QuantizedBase;

    /// <summary>Reads options by PEFT's names.</summary>
    /// <exception cref="OptionException">A name is unknown, a value is of the wrong kind or out of bounds, or two of them exclude one another.</exception>
    public VariantOptions ReadOptions(JsonObject given)
    {
        var options = (VariantOptions)OptionSchema.Read(OptionsType, given, "variant " + Info.Id);
        options.Check();
        if (Rules.FirstOrDefault(rule => rule.Forbids(options)) is { } rule)
        {
            throw new OptionException($"variant {Info.Id}: {rule.First} does not go with {rule.Second}: {rule.Reason}.");
        }

        return options;
    }

    /// <summary>Puts this variant on a model. The model's output stays what it was until <see cref="AttachedVariant.Start"/>.</summary>
    /// <exception cref="OptionException">The options choose no site, or do not fit one.</exception>
    public abstract AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed);

    /// <summary>Trainable parameters that it adds to one site: the formula that <see cref="VariantInfo.ParameterFormula"/> states.</summary>
    public abstract long ParametersOf(SiteShape site, VariantOptions options);

    /// <summary>Trainable parameters that all sites share, which no site counts as its own.</summary>
    public virtual long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, VariantOptions options) => 0;

    /// <summary>Weights of the model itself that options train beside the adapter: the modules of modules_to_save.</summary>
    /// <exception cref="OptionException">The options choose what is not there.</exception>
    public virtual IEnumerable<AdapterWeight> TrainedBaseWeights(PreferenceModel model, VariantOptions options)
        => BaseTraining.Modules(model, options.ModulesToSave);

    /// <summary>The layers that options choose.</summary>
    /// <exception cref="OptionException">They choose none.</exception>
    public virtual IReadOnlyList<Projection> SitesOf(PreferenceModel model, VariantOptions options) => TargetModules.Select(model.Sites, options);

    /// <summary>What adapter_config.json says besides base model, targets and head.</summary>
    public abstract JsonObject PeftConfig(VariantOptions options);

    /// <summary>True if an adapter_config.json describes an adapter of this variant; at most one variant may claim one.</summary>
    public virtual bool Claims(PeftConfigReader config) => config.PeftType == Info.PeftTypeOnDisk;

    /// <summary>The options that an adapter_config.json stands for.</summary>
    /// <exception cref="PeftException">It asks for something that this variant does not do.</exception>
    public abstract VariantOptions FromPeftConfig(PeftConfigReader config);
}

/// <summary>A variant that puts a layer of its own on every site that its options choose.</summary>
/// <typeparam name="TOptions">The record of its options.</typeparam>
public abstract class LoraVariant<TOptions> : LoraVariant where TOptions : VariantOptions, new()
{
    private static readonly string[] SiteFields = ["target_modules", "exclude_modules", "layers_to_transform", "modules_to_save"];

    /// <inheritdoc/>
    public sealed override Type OptionsType => typeof(TOptions);

    /// <summary>False for a method that adapts no layers, so that its files name none.</summary>
    protected virtual bool AdaptsLayers => true;

    /// <summary>Puts this variant's layer on one site.</summary>
    public abstract AdapterLayer Wrap(Projection site, TOptions options, VariantContext context);

    /// <inheritdoc cref="LoraVariant.ParametersOf"/>
    public abstract long ParametersOf(SiteShape site, TOptions options);

    /// <inheritdoc cref="LoraVariant.SharedParametersOf"/>
    public virtual long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, TOptions options) => 0;

    /// <summary>What adapter_config.json says besides base model, targets and head. A method that PEFT does not have writes its options by name.</summary>
    public virtual JsonObject PeftConfig(TOptions options)
        => Info.PeftType is null
            ? OptionSchema.Write(options)
            : throw new NotSupportedException($"{Info.Id} is PEFT's {Info.PeftType}, so it must write PEFT's fields.");

    /// <summary>The options that an adapter_config.json stands for, those that choose the sites left out.</summary>
    public virtual TOptions FromConfig(PeftConfigReader config)
        => (TOptions)ReadOptions(config.Options(OptionSchema.Of(typeof(TOptions)).Select(o => o.Name).Except(SiteFields)));

    /// <summary>Makes the object that holds the layers; a variant with hooks returns its own.</summary>
    protected virtual AttachedVariant Hold(PreferenceModel model, TOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new(this, options, layers);

    /// <inheritdoc/>
    public override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
    {
        var own = (TOptions)options;
        var layers = new List<AdapterLayer>();
        foreach (var site in SitesOf(model, options)) layers.Add(Wrap(site, own, new VariantContext(seed, layers.Count)));
        foreach (var layer in layers) layer.Site.Adapter = layer;
        return Hold(model, own, layers, seed);
    }

    /// <inheritdoc/>
    public sealed override long ParametersOf(SiteShape site, VariantOptions options) => ParametersOf(site, (TOptions)options);

    /// <inheritdoc/>
    public sealed override long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, VariantOptions options)
        => SharedParametersOf(model, sites, (TOptions)options);

    /// <inheritdoc/>
    public sealed override JsonObject PeftConfig(VariantOptions options) => PeftConfig((TOptions)options);

    /// <inheritdoc/>
    public sealed override VariantOptions FromPeftConfig(PeftConfigReader config)
    {
        config.RequireUnset("layers_pattern");
        var options = FromConfig(config) with { ModulesToSave = config.ModulesToSave() };
        return AdaptsLayers
            ? options with { TargetModules = config.TargetModules(), ExcludeModules = config.ExcludeModules(), LayersToTransform = config.LayersToTransform() }
            : options;
    }
}

/// <summary>How a variant is listed, saved and found again.</summary>
/// <param name="Id">Lower-case id in specs, URLs and test names.</param>
/// <param name="Name">Its name in the literature.</param>
/// <param name="Summary">One line.</param>
/// <param name="Paper">Where it is described.</param>
/// <param name="PeftType">PEFT's peft_type; null where PEFT has no such method.</param>
/// <param name="ParameterFormula">Trainable parameters of a site with I features in and O out.</param>
public sealed record VariantInfo(string Id, string Name, string Summary, string Paper, string? PeftType, string ParameterFormula)
{
    /// <summary>Where lists put it.</summary>
    public required VariantGroup Group { get; init; }

    /// <summary>What it costs beside LoRA of equal size, in a sentence.</summary>
    public required string Cost { get; init; }

    /// <summary>The learning rate that suits it over the one that suits LoRA: what a training gets whose rate nobody has set. A centre to search around, not measured.</summary>
    public double LearningRateFactor { get; init; } = 1;

    /// <summary>False if the model with it is not the base model with other weights.</summary>
    public bool CanMerge { get; init; } = true;

    /// <summary>True if a new adapter changes nothing before it is trained.</summary>
    public bool StartsAsIdentity { get; init; } = true;

    /// <summary>True if it never looks at the base weights' numbers, so that they may be quantised (QLoRA).</summary>
    public bool QuantizedBase { get; init; }

    /// <summary>True if it moves the base weights themselves, so that taking the adapter off gives the base model only up to rounding.</summary>
    public bool MovesBase { get; init; }

    /// <summary>True if it goes on moving the base weights of its layers while it trains.</summary>
    public bool MovesBaseInTraining { get; init; }

    /// <summary>The option that says how much is trained, which a budget of parameters decides; null for a method without one.</summary>
    public string? SizeOption { get; init; } = "r";

    /// <summary>The peft_type that is written: PEFT's, or a name that no PEFT has.</summary>
    public string PeftTypeOnDisk => PeftType ?? "LORAARENA_" + Id.ToUpperInvariant().Replace('-', '_');
}

/// <summary>Two settings that exclude one another.</summary>
/// <param name="First">The one, as a user writes it: <c>init_lora_weights pissa</c>.</param>
/// <param name="Second">The other.</param>
/// <param name="Reason">Why, as the end of a sentence.</param>
/// <param name="Forbids">True if both are set.</param>
public sealed record OptionRule(string First, string Second, string Reason, Func<VariantOptions, bool> Forbids);

/// <summary>What a parameter formula needs to know of a site.</summary>
/// <param name="Path">Its path in Hugging Face's model.</param>
/// <param name="InFeatures">Features in.</param>
/// <param name="OutFeatures">Features out.</param>
public readonly record struct SiteShape(string Path, long InFeatures, long OutFeatures)
{
    /// <summary>The path without the numbers in it: layers of the same kind have the same.</summary>
    public string Kind => string.Join('.', Path.Split('.').Where(part => !part.All(char.IsAsciiDigit)));

    /// <summary>The smaller of the two widths.</summary>
    public long Narrow => Math.Min(InFeatures, OutFeatures);
}

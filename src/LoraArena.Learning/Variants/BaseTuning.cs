using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>Full fine-tuning: every weight of the model is trained. What adapters are measured against.</summary>
public sealed class FullFineTuning : BaseTuning<FullFineTuningOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "full", "Full fine-tuning", "Trains every weight of the model; its best learning rate is about a tenth of LoRA's.",
        "arXiv:1810.04805", PeftType: null, ParameterFormula: "every weight of the model")
    {
        Group = VariantGroup.Other,
        Cost = "16 bytes for each weight of the model, and half as much time again.",
        LearningRateFactor = 0.1,
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Choose(PreferenceModel model, FullFineTuningOptions options)
        => options.TrainEmbeddings
            ? model.BaseWeights
            : [.. model.BaseWeights.Where(w => !w.Name.Contains("embed", StringComparison.Ordinal) || w.Shape.Length == 1)];
}

/// <summary>Options of full fine-tuning.</summary>
public sealed record FullFineTuningOptions : VariantOptions
{
    /// <summary>Trains the embeddings of tokens and positions too; without them the optimiser needs much less memory.</summary>
    public bool TrainEmbeddings { get; init; } = true;

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        BaseTuning.RequireWholeModel(this, "full");
    }
}

/// <summary>BitFit: the biases of the model are trained and nothing else. Ben Zaken et al. 2021, arXiv:2106.10199.</summary>
public sealed class BitFit : BaseTuning<BitFitOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "bitfit", "BitFit", "Trains the model's biases and nothing else.", "arXiv:2106.10199", PeftType: null, ParameterFormula: "every bias of the model")
    {
        Group = VariantGroup.Other,
        Cost = "Less of everything.",
        LearningRateFactor = 4,
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Choose(PreferenceModel model, BitFitOptions options)
    {
        List<Weight> biases = [.. model.BaseWeights.Where(w => w.Name.EndsWith(".bias", StringComparison.Ordinal))];
        return biases.Count > 0 ? biases : throw new OptionException("bitfit trains a model's biases, and this model has none.");
    }
}

/// <summary>Options of BitFit.</summary>
public sealed record BitFitOptions : VariantOptions
{
    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        BaseTuning.RequireWholeModel(this, "bitfit");
    }
}

/// <summary>Layer-norm tuning: the weights and biases of the norms are trained. Zhao et al. 2023, arXiv:2312.11420.</summary>
public sealed class LnTuning : BaseTuning<LnTuningOptions>
{
    private const string Part = ".ln_tuning_layers.";

    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "ln-tuning", "LN tuning", "Trains the weights and biases of the model's norms.", "arXiv:2312.11420", PeftType: "LN_TUNING",
        ParameterFormula: "every weight and bias of a norm")
    {
        Group = VariantGroup.Other,
        Cost = "Less of everything.",
        LearningRateFactor = 4,
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Choose(PreferenceModel model, LnTuningOptions options)
    {
        var norms = Norms(model);
        List<Weight> chosen = [.. model.BaseWeights.Where(w => norms.Contains(BaseTuning.ModuleOf(w.Name))
            && TargetModules.Matches(new SiteShape(BaseTuning.ModuleOf(w.Name), 0, 0), options.TargetModules))];
        return chosen.Count > 0 ? chosen : throw new OptionException($"target_modules '{options.TargetModules}' matches none of the model's norms; it has {string.Join(", ", norms.Select(n => n.Split('.')[^1]).Distinct())}.");
    }

    /// <inheritdoc/>
    public override string KeyOf(string weight) => BaseTuning.ModuleOf(weight) + Part + weight.Split('.')[^1];

    /// <inheritdoc/>
    public override JsonObject PeftConfig(LnTuningOptions options) => [];

    /// <inheritdoc/>
    public override LnTuningOptions FromConfig(PeftConfigReader config) => new();

    // Norms are the modules whose weight is a vector.
    private static HashSet<string> Norms(PreferenceModel model)
        => model.BaseWeights.Where(w => w.Shape.Length == 1 && w.Name.EndsWith(".weight", StringComparison.Ordinal))
            .Select(w => BaseTuning.ModuleOf(w.Name))
            .ToHashSet(StringComparer.Ordinal);
}

/// <summary>Options of layer-norm tuning.</summary>
public sealed record LnTuningOptions : VariantOptions
{
    /// <summary>All norms.</summary>
    public LnTuningOptions() => TargetModules = ".*";

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        if (ExcludeModules is not null || LayersToTransform is not null)
        {
            throw new OptionException("ln-tuning chooses norms by target_modules alone; exclude_modules and layers_to_transform choose linear layers.");
        }
    }
}

/// <summary>Methods that train weights of the model itself, and put no layers on it.</summary>
/// <typeparam name="TOptions">The record of its options.</typeparam>
public abstract class BaseTuning<TOptions> : LoraVariant<TOptions> where TOptions : VariantOptions, new()
{
    /// <summary>The weights that are trained.</summary>
    /// <exception cref="OptionException">The model has none of them.</exception>
    public abstract IReadOnlyList<Weight> Choose(PreferenceModel model, TOptions options);

    /// <summary>A weight's name in adapter files, after their root.</summary>
    public virtual string KeyOf(string weight) => weight;

    /// <summary>What the method trains itself is not trained twice.</summary>
    public sealed override IEnumerable<AdapterWeight> TrainedBaseWeights(PreferenceModel model, VariantOptions options)
    {
        var own = Choose(model, (TOptions)options).ToHashSet();
        return base.TrainedBaseWeights(model, options).Where(w => !own.Contains(w.Weight));
    }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<Projection> SitesOf(PreferenceModel model, VariantOptions options) => [];

    /// <inheritdoc/>
    public sealed override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
        => new AttachedBaseTuning(this, options, Choose(model, (TOptions)options), KeyOf);

    /// <inheritdoc/>
    public sealed override AdapterLayer Wrap(Projection site, TOptions options, VariantContext context)
        => throw new NotSupportedException("The method has no layers of its own; attach it to a model.");

    /// <inheritdoc/>
    public sealed override long ParametersOf(SiteShape site, TOptions options) => 0;

    /// <inheritdoc/>
    public sealed override long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, TOptions options)
        => Choose(model, options).Sum(w => w.Count);
}

/// <summary>What methods without layers have in common.</summary>
internal static class BaseTuning
{
    /// <summary>The module that a weight is of.</summary>
    public static string ModuleOf(string weight) => weight[..weight.LastIndexOf('.')];

    /// <summary>Refuses options that choose linear layers.</summary>
    public static void RequireWholeModel(VariantOptions options, string id)
    {
        if (options.TargetModules != TargetModules.AllLinear || options.ExcludeModules is not null || options.LayersToTransform is not null)
        {
            throw new OptionException($"{id} trains the whole model; target_modules, exclude_modules and layers_to_transform have no meaning for it.");
        }
    }
}

/// <summary>Trained weights of a model. What they were is not kept: who wants the base model again loads it.</summary>
internal sealed class AttachedBaseTuning(
    LoraVariant variant, VariantOptions options,
    IReadOnlyList<Weight> chosen, Func<string, string> keyOf) : AttachedVariant(variant, options, [])
{
    public override IEnumerable<AdapterWeight> Weights => chosen.Select(w => new AdapterWeight(Root + keyOf(w.Name), w, Trained: true));

    public override IEnumerable<string> TargetPaths
        => Variant is LnTuning ? chosen.Select(w => BaseTuning.ModuleOf(w.Name)).Distinct() : [TargetModules.AllLinear];

    public override void Detach() => throw new NotSupportedException("The method trains the model's own weights; load the model again.");
}

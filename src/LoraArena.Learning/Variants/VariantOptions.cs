using LoraArena.Core.Runs;

namespace LoraArena.Learning.Variants;

/// <summary>Options that every variant has. Variants derive their own.</summary>
public abstract record VariantOptions
{
    /// <summary>
    /// Which linear layers carry an adapter: all-linear, or names separated by commas that a layer's path ends in, or a regular expression
    /// for the whole path.
    /// </summary>
    public string TargetModules { get; init; } = "all-linear";

    /// <summary>Which of them are left out again: names or a regular expression as for target_modules.</summary>
    public string? ExcludeModules { get; init; }

    /// <summary>Numbers of the transformer's layers that carry adapters, separated by commas; nothing for all.</summary>
    public string? LayersToTransform { get; init; }

    /// <summary>
    /// Modules of the model that are trained whole and saved beside adapter and head: names that a module's path ends in, separated by
    /// commas, such as LayerNorm or embed_tokens.
    /// </summary>
    public string? ModulesToSave { get; init; }

    /// <summary>Refuses values that are each allowed but cannot be read or do not go together.</summary>
    /// <exception cref="OptionException">There is one.</exception>
    public virtual void Check() => _ = Variants.TargetModules.LayerNumbers(LayersToTransform);
}

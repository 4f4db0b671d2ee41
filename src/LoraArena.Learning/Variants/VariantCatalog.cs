using LoraArena.Core.Runs;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;

namespace LoraArena.Learning.Variants;

/// <summary>Every <see cref="LoraVariant"/> of this assembly: a new file in this folder is listed by being there.</summary>
public static class VariantCatalog
{
    /// <summary>All variants, by id.</summary>
    public static IReadOnlyDictionary<string, LoraVariant> All { get; } = typeof(VariantCatalog).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(LoraVariant)) && !type.IsAbstract)
        .Select(type => (LoraVariant)Activator.CreateInstance(type)!)
        .OrderBy(variant => variant.Info.Id, StringComparer.Ordinal)
        .ToDictionary(variant => variant.Info.Id, StringComparer.Ordinal);

    /// <summary>The variant of that id.</summary>
    /// <exception cref="OptionException">There is none.</exception>
    public static LoraVariant Get(string id)
        => All.TryGetValue(id, out var variant) ? variant : throw new OptionException($"There is no variant '{id}'; these are: {string.Join(", ", All.Keys)}.");

    /// <summary>The variant whose adapter a file describes; null where none claims it.</summary>
    public static LoraVariant? Claiming(PeftConfigReader config) => All.Values.SingleOrDefault(variant => variant.Claims(config));

    /// <summary>The registry as forms, command line and help see it.</summary>
    public static IReadOnlyList<VariantDescription> Describe() => [.. All.Values.Select(v =>
        new VariantDescription(v.Info.Id, v.Info.Name, v.Info.Summary, v.Info.Paper, v.Info.PeftType, v.Info.ParameterFormula, OptionSchema.Of(v.OptionsType))
        {
            Group = v.Info.Group,
            Cost = v.Info.Cost,
            LearningRateFactor = v.Info.LearningRateFactor,
            SizeOption = OptionSchema.Of(v.OptionsType).FirstOrDefault(o => o.Name == v.Info.SizeOption)?.Name,
        })];
}

namespace LoraArena.Core.Runs;

/// <summary>Kinds of methods in words, and lists in their order.</summary>
public static class VariantGroups
{
    /// <summary>A kind's heading.</summary>
    public static string Title(this VariantGroup group) => group switch
    {
        VariantGroup.LowRank => "Low rank",
        VariantGroup.Magnitude => "Magnitude",
        VariantGroup.Start => "Starts",
        VariantGroup.Optimizer => "Optimisers",
        _ => "Others",
    };

    /// <summary>Methods under their headings; LoRA, which the others are measured against, comes first.</summary>
    public static IReadOnlyList<(VariantGroup Group, IReadOnlyList<VariantDescription> Variants)> Grouped(IEnumerable<VariantDescription> variants)
        => [.. variants.GroupBy(v => v.Group).OrderBy(g => g.Key)
            .Select(g => (g.Key, (IReadOnlyList<VariantDescription>)[.. g.OrderBy(v => v.Id == "lora" ? 0 : 1).ThenBy(
                v => v.Name, StringComparer.OrdinalIgnoreCase)]))];
}

namespace LoraArena.Learning.Models;

/// <summary>Names that tensors have got from other tools and times, and what they are called today.</summary>
internal static class OldNames
{
    // What PyTorch's wrappers for several devices and for compiling put in front of every name.
    private static readonly string[] Wrappers = ["module.", "_orig_mod."];

    /// <summary>The present name, as Transformers reads it.</summary>
    public static string Current(string name)
    {
        while (Wrappers.FirstOrDefault(wrapper => name.StartsWith(wrapper, StringComparison.Ordinal)) is { } wrapper) name = name[wrapper.Length..];
        if (name.EndsWith("LayerNorm.gamma", StringComparison.Ordinal)) return name[..^"gamma".Length] + "weight";
        return name.EndsWith("LayerNorm.beta", StringComparison.Ordinal) ? name[..^"beta".Length] + "bias" : name;
    }
}

using System.Text;

namespace LoraArena.Tokenizers.Unicode;

/// <summary>
/// Decompositions and compositions of single code points. The mappings are .NET's; which code points have one is Hugging Face's answer, whose Unicode is
/// older: a character that it does not know stays as it is.
/// </summary>
internal static class Decompositions
{
    private static readonly Lazy<Dictionary<int, int[]>> CanonicalMap = new(() => Build(CharacterTraits.Decomposes, NormalizationForm.FormD));
    private static readonly Lazy<Dictionary<int, int[]>> CompatibleMap = new(() => Build(CharacterTraits.DecomposesCompatibly, NormalizationForm.FormKD));
    private static readonly Lazy<Dictionary<(int First, int Second), int>> CompositionMap = new(BuildCompositions);
    private static readonly Lazy<HashSet<int>> Composites = new(() => [.. CompositionMap.Value.Values]);
    private static readonly Lazy<HashSet<int>> Seconds = new(() => [.. CompositionMap.Value.Keys.Select(pair => pair.Second)]);

    /// <summary>False in a process whose normalisation does nothing, as .NET's is without ICU.</summary>
    public static bool Work { get; } = "\u00e9".Normalize(NormalizationForm.FormD).Length == 2;

    /// <summary>Full decompositions by code point.</summary>
    public static Dictionary<int, int[]> Of(bool compatible) => (compatible ? CompatibleMap : CanonicalMap).Value;

    /// <summary>The code point that two make together, or −1.</summary>
    public static int Compose(int first, int second) => CompositionMap.Value.GetValueOrDefault((first, second), -1);

    /// <summary>True for a code point that composition leaves alone whatever stands round it. False does not mean that it changes.</summary>
    public static bool IsLeftAlone(int codePoint, bool compatible)
    {
        if (Characters.CombiningClass(codePoint) != 0 || Seconds.Value.Contains(codePoint)) return false;
        if (!Characters.Is(codePoint, compatible ? CharacterTraits.DecomposesCompatibly : CharacterTraits.Decomposes)) return true;
        return Composites.Value.Contains(codePoint) && (!compatible || Of(compatible: true)[codePoint].SequenceEqual(Of(compatible: false)[codePoint]));
    }

    private static Dictionary<int, int[]> Build(CharacterTraits trait, NormalizationForm form)
    {
        var map = new Dictionary<int, int[]>();
        for (var codePoint = 0; codePoint <= 0x10FFFF; codePoint++)
        {
            if (!Characters.Is(codePoint, trait)) continue;
            map.Add(codePoint, CodePoints(char.ConvertFromUtf32(codePoint).Normalize(form)));
        }

        return map;
    }

    // A primary composite is what composition gives back for its own decomposition; its last step joins the composite of all but the last with the last.
    private static Dictionary<(int First, int Second), int> BuildCompositions()
    {
        var map = new Dictionary<(int First, int Second), int>();
        foreach (var (codePoint, parts) in Of(compatible: false))
        {
            if (parts.Length < 2 || CodePoints(Text(parts).Normalize()) is not [var whole] || whole != codePoint) continue;
            if (CodePoints(Text(parts[..^1]).Normalize()) is [var first]) map.Add((first, parts[^1]), codePoint);
        }

        return map;
    }

    private static int[] CodePoints(string text) => [.. text.EnumerateRunes().Select(rune => rune.Value)];

    private static string Text(int[] codePoints) => string.Concat(codePoints.Select(char.ConvertFromUtf32));
}

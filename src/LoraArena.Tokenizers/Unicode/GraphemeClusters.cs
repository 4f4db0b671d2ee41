using System.Globalization;

namespace LoraArena.Tokenizers.Unicode;

/// <summary>Extended grapheme clusters (Unicode, UAX 29).</summary>
internal static class GraphemeClusters
{
    /// <summary>Length of the cluster that begins at a place, in UTF-16 units.</summary>
    public static int LengthAt(ReadOnlySpan<char> text, int start) => StringInfo.GetNextTextElementLength(text[start..]);
}

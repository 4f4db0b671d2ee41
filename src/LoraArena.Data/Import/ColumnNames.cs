using System.Text;
using LoraArena.Data.Csv;

namespace LoraArena.Data.Import;

/// <summary>What the name of a column lets one expect, however it is written.</summary>
internal static class ColumnNames
{
    private static string[] LabelParts { get; } = ["winner", "label", "prefer", "verdict"];

    private static string[] LabelWords { get; } = ["tie", "win", "wins", "won", "winning", "vote", "votes", "choice", "chosen", "outcome", "target"];

    /// <summary>
    /// Letters and digits alone, in lower case: names with other spaces, hyphens, quotes, capitals or characters that cannot be seen fold to the same.
    /// </summary>
    public static string Fold(string name)
    {
        var folded = new StringBuilder(name.Length);
        foreach (var rune in name.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune) && CellText.IsDrawn(rune)) folded.Append(Rune.ToLowerInvariant(rune));
        }

        return folded.ToString();
    }

    /// <summary>True for a name under which people keep who won.</summary>
    public static bool IsLikeALabel(string name)
    {
        var folded = Fold(name);
        return LabelParts.Any(part => folded.Contains(part, StringComparison.Ordinal)) || Words(name).Any(LabelWords.Contains);
    }

    /// <summary>True for a name under which people keep which model answered.</summary>
    public static bool IsLikeAModel(string name) => Fold(name).Contains("model", StringComparison.Ordinal) && !IsLikeALabel(name);

    private static IEnumerable<string> Words(string name)
    {
        var word = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
        {
            if (Rune.IsLetter(rune) && !(Rune.IsUpper(rune) && word.Length > 0 && char.IsLower(word[^1])))
            {
                word.Append(rune);
                continue;
            }

            if (word.Length > 0) yield return word.ToString().ToLowerInvariant();
            word.Clear();
            if (Rune.IsLetter(rune)) word.Append(rune);
        }

        if (word.Length > 0) yield return word.ToString().ToLowerInvariant();
    }
}

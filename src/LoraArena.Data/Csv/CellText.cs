using System.Globalization;
using System.Text;

namespace LoraArena.Data.Csv;

/// <summary>Cells as messages show them.</summary>
internal static class CellText
{
    private const int MaxCharacters = 40;
    private const int MaxIds = 5;
    private const int MaxNames = 20;

    /// <summary>The first five of some ids.</summary>
    public static string FirstFew(IReadOnlyCollection<string> ids)
        => string.Join(", ", ids.Take(MaxIds).Select(id => Show(id, quoted: false))) + (ids.Count > MaxIds ? ", …" : "");

    /// <summary>The names of a header; one with spaces at its ends is in quotes, so that they are seen.</summary>
    public static string Header(IReadOnlyList<string> header)
        => string.Join(", ", header.Take(MaxNames).Select(name => Show(name, quoted: name.Length == 0 || name[0] == ' ' || name[^1] == ' ')))
            + (header.Count > MaxNames ? ", …" : "");

    /// <summary>At most so many characters, those that cannot be seen as \uXXXX, in quotes where wanted.</summary>
    public static string Show(string cell, bool quoted = true, int max = MaxCharacters)
    {
        var text = new StringBuilder();
        foreach (var rune in cell.AsSpan(0, Math.Min(cell.Length, max)).EnumerateRunes())
        {
            if (IsDrawn(rune) || rune.Value == ' ') text.Append(rune);
            else text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
        }

        if (cell.Length > max) text.Append('…');
        return quoted ? $"'{text}'" : text.ToString();
    }

    /// <summary>True where every character can be seen or is a space.</summary>
    public static bool IsVisible(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsVisible(rune)) return false;
        }

        return true;
    }

    /// <summary>True for a character that leaves ink.</summary>
    public static bool IsDrawn(Rune rune) => IsVisible(rune) && !LooksLikeASpace(rune);

    private static bool IsVisible(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);

    /// <summary>Spaces, and letters and marks that are drawn as nothing (Unicode's Default_Ignorable_Code_Point, and the blank Braille cell).</summary>
    private static bool LooksLikeASpace(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator
        || rune.Value is 0x034f or 0x115f or 0x1160 or 0x17b4 or 0x17b5 or 0x2800 or 0x3164 or 0xffa0 or (>= 0xfe00 and <= 0xfe0f);
}

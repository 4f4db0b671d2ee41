using System.Globalization;
using System.Text;

namespace LoraArena.Data.Csv;

/// <summary>Cells as messages show them.</summary>
internal static class CellText
{
    private const int Most = 40;
    private const int Few = 5;

    /// <summary>The first five of some ids.</summary>
    public static string FirstFew(IReadOnlyCollection<string> ids)
        => string.Join(", ", ids.Take(Few).Select(id => Shown(id, quoted: false))) + (ids.Count > Few ? ", …" : "");

    /// <summary>At most so many characters, control and formatting characters as \uXXXX, in quotes where wanted.</summary>
    public static string Shown(string cell, bool quoted = true, int most = Most)
    {
        var text = new StringBuilder();
        foreach (var rune in cell.AsSpan(0, Math.Min(cell.Length, most)).EnumerateRunes())
        {
            var visible = Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
            if (visible) text.Append(rune);
            else text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
        }

        if (cell.Length > most) text.Append('…');
        return quoted ? $"'{text}'" : text.ToString();
    }
}

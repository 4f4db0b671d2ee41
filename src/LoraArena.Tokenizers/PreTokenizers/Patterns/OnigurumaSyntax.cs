using System.Buffers;
using System.Text;
using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>
/// Turns an expression for Oniguruma (Ruby's syntax), which Hugging Face uses, into one for .NET. What .NET would read without complaint but differently is
/// rewritten (<c>\w</c>, <c>\b</c>, <c>\h</c>) or refused; what .NET does not know it refuses itself.
/// </summary>
internal static class OnigurumaSyntax
{
    // Unicode's word characters with the circled letters; outside a class Oniguruma also counts the superscripts and fractions of Latin-1 among them.
    private const string WordInClass = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";
    private const string Word = WordInClass + @"\u00B2\u00B3\u00B9\u00BC-\u00BE";
    private const string HexDigit = "0-9a-fA-F";
    private static readonly SearchValues<char> OptionLetters = SearchValues.Create("imsxn-");

    /// <summary>The expression for .NET.</summary>
    /// <exception cref="TokenizerException">It holds something that the two engines read differently.</exception>
    public static string Translate(JsonPart part)
    {
        var source = part.Text();
        var output = new StringBuilder(source.Length);
        var classStart = -1;
        for (var i = 0; i < source.Length; i++)
        {
            var c = source[i];
            var next = i + 1 < source.Length ? source[i + 1] : '\0';
            if (char.IsSurrogate(c)) throw Refused(part, "characters outside the 16-bit plane");
            if (c == '\\' && i + 1 < source.Length)
            {
                output.Append(Escape(part, next, classStart >= 0));
                i++;
                continue;
            }

            output.Append(c);
            if (classStart >= 0)
            {
                if (c == '[') throw Refused(part, "a class within a class");
                if (c == '&' && next == '&') throw Refused(part, "an intersection of classes");
                if (c == ']' && i <= classStart + 1) throw Refused(part, "a class that begins with ]");
                if (c == ']') classStart = -1;
                continue;
            }

            if (c == '{' && next == ',') throw Refused(part, "a repetition without a lower bound");
            if (c == '(' && HasOption(source.AsSpan(i), 'm')) throw Refused(part, "the option m");
            if (c == '(' && HasOption(source.AsSpan(i), 'x')) throw Refused(part, "the option x");
            if (c == '[') classStart = next == '^' ? i + 1 : i;
        }

        return output.ToString();
    }

    private static string Escape(JsonPart part, char letter, bool inClass) => (letter, inClass) switch
    {
        ('w', true) => WordInClass,
        ('w', false) => $"[{Word}]",
        ('W', false) => $"[^{Word}]",
        ('W', true) => throw Refused(part, @"\W within a class"),
        ('h', true) => HexDigit,
        ('h', false) => $"[{HexDigit}]",
        ('H', false) => $"[^{HexDigit}]",
        ('H', true) => throw Refused(part, @"\H within a class"),
        ('b', false) => $"(?:(?<=[{Word}])(?![{Word}])|(?<![{Word}])(?=[{Word}]))",
        ('B', false) => $"(?:(?<=[{Word}])(?=[{Word}])|(?<![{Word}])(?![{Word}]))",
        _ => $"\\{letter}",
    };

    private static bool HasOption(ReadOnlySpan<char> group, char option)
    {
        if (group.Length < 3 || group[1] != '?') return false;
        var end = group.IndexOfAny(':', ')');
        return end > 2 && !group[2..end].ContainsAnyExcept(OptionLetters) && group[2..end].Contains(option);
    }

    private static TokenizerException Refused(JsonPart part, string what) => part.Problem($"the regular expression uses {what}, which is not supported");
}

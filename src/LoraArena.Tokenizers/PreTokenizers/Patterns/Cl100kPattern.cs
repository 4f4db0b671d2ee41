using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>
/// The pattern of cl100k, which Llama 3 and Qwen 2 share but for the digits: contractions in any case, words with one character before them, numbers,
/// runs of symbols with the line ends after them, white space up to the last line end, other white space.
/// </summary>
/// <param name="digits">Longest run of digits that is one match.</param>
internal sealed class Cl100kPattern(int digits) : TextPattern
{
    /// <summary>Llama 3's, as files write it: up to three digits.</summary>
    public const string Llama3Source = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Qwen 2's, as files write it: digits one by one.</summary>
    public const string Qwen2Source = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (var i = 0; i < text.Length;)
        {
            var end = EndOf(text, i);
            matches.Add(new TextSpan(i, end - i));
            i = end;
        }
    }

    private int EndOf(ReadOnlySpan<char> text, int start)
    {
        var contraction = Contraction.LengthAt(text, start, ignoreCase: true);
        if (contraction > 0) return start + contraction;

        var kind = Runs.KindAt(text, start, out var units);
        if (kind == CharacterTraits.Letter) return Runs.End(text, start, kind);
        if (kind == CharacterTraits.Number) return Runs.End(text, start, kind, digits);

        var second = start + units;
        var secondKind = second < text.Length ? Runs.KindAt(text, second) : CharacterTraits.Space;
        if (secondKind == CharacterTraits.Letter && text[start] is not ('\r' or '\n')) return Runs.End(text, second, secondKind);

        var symbols = kind == Runs.Symbol ? start : text[start] == ' ' && secondKind == Runs.Symbol ? second : -1;
        if (symbols >= 0)
        {
            var end = Runs.End(text, symbols, Runs.Symbol);
            while (end < text.Length && text[end] is '\r' or '\n') end++;
            return end;
        }

        var spaces = Runs.End(text, start, CharacterTraits.Space);
        var lineEnd = text[start..spaces].LastIndexOfAny('\r', '\n');
        return lineEnd >= 0 ? start + lineEnd + 1 : Runs.EndOfSpaces(text, start);
    }
}

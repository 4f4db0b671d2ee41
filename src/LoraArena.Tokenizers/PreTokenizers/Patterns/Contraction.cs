namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>The English contractions 's, 't, 're, 've, 'm, 'll and 'd.</summary>
internal static class Contraction
{
    // Oniguruma folds it to s.
    private const char LongS = '\u017F';

    /// <summary>Length of a contraction at a place, or 0.</summary>
    public static int LengthAt(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        if (text[start] != '\'' || start + 1 >= text.Length) return 0;
        var first = Fold(text[start + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd') return 2;
        if (start + 2 >= text.Length) return 0;
        var second = Fold(text[start + 2], ignoreCase);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static char Fold(char c, bool ignoreCase)
    {
        if (!ignoreCase) return c;
        return c == LongS ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;
    }
}

namespace LoraArena.Tokenizers.Unicode;

/// <summary>Unpaired surrogates become U+FFFD at the door, one for one, so that every later stage sees whole code points and every offset holds.</summary>
internal static class WellFormed
{
    /// <summary>The text itself where it is well formed, else a repaired copy in <paramref name="buffer"/>, which grows as needed.</summary>
    public static ReadOnlySpan<char> Repair(ReadOnlySpan<char> text, ref char[] buffer)
    {
        var bad = FirstUnpaired(text, 0);
        if (bad < 0) return text;
        if (buffer.Length < text.Length) buffer = new char[text.Length];
        var copy = buffer.AsSpan(0, text.Length);
        text.CopyTo(copy);
        for (; bad >= 0; bad = FirstUnpaired(text, bad + 1)) copy[bad] = '\uFFFD';
        return copy;
    }

    private static int FirstUnpaired(ReadOnlySpan<char> text, int from)
    {
        while (true)
        {
            var next = text[from..].IndexOfAnyInRange('\uD800', '\uDFFF');
            if (next < 0) return -1;
            var at = from + next;
            var paired = char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);
            if (!paired) return at;
            from = at + 2;
        }
    }
}

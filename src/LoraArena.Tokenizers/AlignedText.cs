namespace LoraArena.Tokenizers;

/// <summary>
/// A text on its way through the normalizers, with where each of its characters came from, in UTF-16 units of the original.
/// A stage rewrites it from front to back: <see cref="BeginRewrite"/>, one write a character with the index of the character that it stands for,
/// <see cref="EndRewrite"/>. One is reused for many texts of one thread. It never holds unpaired surrogates.
/// </summary>
internal sealed class AlignedText
{
    private Layer _now = new();
    private Layer _next = new();
    private bool _tracks;

    // False while the text is still the original: then the alignment is the index itself and costs nothing.
    private bool _rewritten;

    /// <summary>Where the text begins in the original.</summary>
    public int Origin { get; private set; }

    /// <summary>The characters now; during a rewrite, the characters before it.</summary>
    public ReadOnlySpan<char> Chars => _now.Chars.AsSpan(0, _now.Length);

    /// <summary>Takes in a part of the original.</summary>
    /// <param name="part">The part, without unpaired surrogates.</param>
    /// <param name="origin">Where it begins in the original.</param>
    /// <param name="tracks">False where nobody will ask for the alignment.</param>
    public void Load(ReadOnlySpan<char> part, int origin, bool tracks)
    {
        (Origin, _tracks, _rewritten) = (origin, tracks, false);
        _now.Clear();
        _now.Reserve(part.Length, tracked: false);
        part.CopyTo(_now.Chars);
        _now.Length = part.Length;
    }

    /// <summary>Where in the original the character at an index begins; the place itself for −1, which stands before the first.</summary>
    public int StartOf(int index)
    {
        if (index < 0) return Origin;
        if (_rewritten) return _now.Starts[index];
        return Origin + (char.IsLowSurrogate(_now.Chars[index]) ? index - 1 : index);
    }

    /// <summary>Where in the original the character at an index ends.</summary>
    public int EndOf(int index)
    {
        if (index < 0) return Origin;
        if (_rewritten) return _now.Ends[index];
        return Origin + (char.IsHighSurrogate(_now.Chars[index]) ? index + 2 : index + 1);
    }

    /// <summary>Begins to write the text anew.</summary>
    public void BeginRewrite() => _next.Clear();

    /// <summary>Writes a character that stands for the one at <paramref name="source"/>.</summary>
    public void Write(char c, int source)
    {
        _next.Reserve(_next.Length + 1, _tracks);
        _next.Chars[_next.Length] = c;
        if (_tracks) (_next.Starts[_next.Length], _next.Ends[_next.Length]) = (StartOf(source), EndOf(source));
        _next.Length++;
    }

    /// <summary>Writes a code point that stands for the character at <paramref name="source"/>.</summary>
    public void Write(int codePoint, int source)
    {
        if (codePoint < 0x10000)
        {
            Write((char)codePoint, source);
            return;
        }

        Write((char)(0xD800 + ((codePoint - 0x10000) >> 10)), source);
        Write((char)(0xDC00 + (codePoint & 0x3FF)), source);
    }

    /// <summary>Writes characters that all stand for the one at <paramref name="source"/>.</summary>
    public void Write(ReadOnlySpan<char> chars, int source)
    {
        foreach (var c in chars) Write(c, source);
    }

    /// <summary>Writes characters as they are.</summary>
    public void Keep(int start, int length)
    {
        _next.Reserve(_next.Length + length, _tracks);
        _now.Chars.AsSpan(start, length).CopyTo(_next.Chars.AsSpan(_next.Length));
        if (_tracks)
        {
            for (var i = 0; i < length; i++)
            {
                (_next.Starts[_next.Length + i], _next.Ends[_next.Length + i]) = (StartOf(start + i), EndOf(start + i));
            }
        }

        _next.Length += length;
    }

    /// <summary>How much has been written since the rewrite began.</summary>
    public int Written => _next.Length;

    /// <summary>Puts what was written in the place of what was there.</summary>
    public void EndRewrite()
    {
        (_now, _next) = (_next, _now);
        _rewritten = true;
    }

    private sealed class Layer
    {
        public char[] Chars = new char[256];
        public int[] Starts = [];
        public int[] Ends = [];
        public int Length;

        // A long text must not hold its memory for as long as the thread lives.
        public void Clear()
        {
            Length = 0;
            if (Chars.Length > 1 << 20) (Chars, Starts, Ends) = (new char[256], [], []);
        }

        public void Reserve(int length, bool tracked)
        {
            if (Chars.Length < length) Array.Resize(ref Chars, Math.Max(length, Chars.Length * 2));
            if (!tracked || Starts.Length >= length) return;
            Array.Resize(ref Starts, Chars.Length);
            Array.Resize(ref Ends, Chars.Length);
        }
    }
}

namespace LoraArena.Learning.Devices.Host;

/// <summary>Blocks of one head in the thread's memory, and what both passes do with them.</summary>
/// <param name="floats">How many numbers all blocks have together.</param>
internal unsafe ref struct AttentionBlocks(long floats)
{
    private float* _next = HostScratch.Take(floats);

    /// <summary>A block; its numbers are not set.</summary>
    public float* Take(int floats) => (_next += floats) - floats;

    /// <summary>The next multiple.</summary>
    public static int Padded(int count, int multiple) => (count + multiple - 1) / multiple * multiple;

    /// <summary>The keys that some of a block of queries see: first, and one after the last.</summary>
    public static (int Begin, int End) Seen(AttentionShape shape, int first, int rows, int length)
        => (shape.Window > first ? 0 : first - shape.Window + 1, shape.Causal ? Math.Min(length, first + rows) : length);

    /// <summary>Copies rows side by side, times a factor; zeros where there are no more rows or numbers.</summary>
    public static void Copy(TokenRows from, int first, int rows, int paddedRows, int size, int paddedSize, float* to, float factor)
    {
        for (var row = 0; row < rows; row++, to += paddedSize)
        {
            HostBlocks.Scale(from[first + row], to, size, factor);
            for (var i = size; i < paddedSize; i++) to[i] = 0;
        }

        new Span<float>(to, (paddedRows - rows) * paddedSize).Clear();
    }

    /// <summary>Rows as wide as vectors are: as they lie where they are, else a copy with zeros behind.</summary>
    public static TokenRows Rows(TokenRows from, int first, int rows, int size, int paddedSize, float* copy)
    {
        if (size == paddedSize) return new TokenRows(from[first], from.Step);
        Copy(from, first, rows, rows, size, paddedSize, copy, 1);
        return new TokenRows(copy, paddedSize);
    }

    /// <summary>Copies rows as columns, times a factor; zeros where there are no more.</summary>
    public static void CopyTransposed(TokenRows from, int first, int rows, int paddedRows, int size, int paddedSize, float* to, int toRow, float factor)
    {
        for (var i = 0; i < paddedSize; i++)
        {
            new Span<float>(to + ((nint)i * toRow) + rows, paddedRows - rows).Clear();
            if (i >= size) new Span<float>(to + ((nint)i * toRow), rows).Clear();
        }

        HostBlocks.Transpose(from[first], from.Step, 1, rows, size, to, toRow, factor);
    }

    /// <summary>Gives the scores outside [low, high) no weight.</summary>
    public static void Hide(float* scores, int wide, int low, int high)
    {
        low = Math.Clamp(low, 0, wide);
        high = Math.Clamp(high, low, wide);
        new Span<float>(scores, low).Fill(float.NegativeInfinity);
        new Span<float>(scores + high, wide - high).Fill(float.NegativeInfinity);
        if (low == high) new Span<float>(scores, wide).Clear();
    }
}

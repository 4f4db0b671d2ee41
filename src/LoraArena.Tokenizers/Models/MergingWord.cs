namespace LoraArena.Tokenizers.Models;

/// <summary>
/// A word while its symbols are merged: a linked list in arrays, so that a merge costs the same in a word of any length. Used again for the
/// next word.
/// </summary>
internal sealed class MergingWord
{
    private const int None = -1;

    // A long word must not hold its memory for as long as the thread lives.
    private const int KeptCapacity = 1 << 16;

    private readonly MergeQueue _queue = new();
    private Symbol[] _symbols = [];
    private int _count;
    private (int Id, int Start, int End)? _unknown;

    /// <summary>Begins a word.</summary>
    /// <param name="capacity">Most symbols it may get.</param>
    public void Start(int capacity)
    {
        (_count, _unknown) = (0, null);
        if (_symbols.Length < capacity || _symbols.Length > KeptCapacity) _symbols = new Symbol[Math.Max(capacity, 64)];
        _queue.Start(capacity);
    }

    /// <summary>Appends a symbol.</summary>
    /// <param name="id">Its token.</param>
    /// <param name="start">Where it begins, in bytes.</param>
    /// <param name="end">Where it ends, in bytes.</param>
    /// <param name="flushes">False where an unknown symbol before it still waits for others, as it does in Hugging Face before the tokens of bytes.</param>
    public void Add(int id, int start, int end, bool flushes = true)
    {
        if (flushes) FlushUnknown();
        _symbols[_count] = new Symbol { Id = id, Start = start, End = end, Previous = _count - 1, Next = None };
        if (_count > 0) _symbols[_count - 1].Next = _count;
        _count++;
    }

    /// <summary>Appends an unknown symbol, or lengthens the one before it if that is unknown too and they are fused.</summary>
    public void AddUnknown(int id, int start, int end, bool fuse)
    {
        if (fuse && _unknown is { } waiting)
        {
            _unknown = (id, waiting.Start, end);
            return;
        }

        FlushUnknown();
        _unknown = (id, start, end);
    }

    /// <summary>Appends the unknown symbol that waits for others to be fused with it.</summary>
    public void FlushUnknown()
    {
        if (_unknown is not { } waiting) return;
        _unknown = null;
        Add(waiting.Id, waiting.Start, waiting.End);
    }

    /// <summary>Merges until no pair has a merge.</summary>
    public void MergeAll(MergeTable merges)
    {
        for (var i = 0; i + 1 < _count; i++) Enqueue(i, merges);
        while (_queue.TryTake(out var rank, out var at))
        {
            // An entry is stale if its pair was merged away or has become another pair, which then has an entry of its own.
            ref var left = ref _symbols[at];
            if (left.Id == None || left.Next == None || !merges.TryGet(left.Id, _symbols[left.Next].Id, out var merge) || merge.Rank != rank) continue;
            ref var right = ref _symbols[left.Next];
            (left.Id, left.End, left.Next) = (merge.Id, right.End, right.Next);
            right.Id = None;
            if (left.Next != None)
            {
                _symbols[left.Next].Previous = at;
                Enqueue(at, merges);
            }

            if (left.Previous != None) Enqueue(left.Previous, merges);
        }
    }

    /// <summary>The result.</summary>
    public EncodedWord ToEncoded(string key)
    {
        // The first symbol is never merged into another.
        var count = 0;
        for (var i = _count > 0 ? 0 : None; i != None; i = _symbols[i].Next) count++;
        var (ids, starts, ends) = (new int[count], new int[count], new int[count]);
        for (int i = 0, o = 0; o < count; i = _symbols[i].Next, o++) (ids[o], starts[o], ends[o]) = (_symbols[i].Id, _symbols[i].Start, _symbols[i].End);
        return new EncodedWord(key, ids, starts, ends);
    }

    private void Enqueue(int left, MergeTable merges)
    {
        if (merges.TryGet(_symbols[left].Id, _symbols[_symbols[left].Next].Id, out var merge)) _queue.Add(merge.Rank, left);
    }

    private struct Symbol
    {
        public int Id;
        public int Start;
        public int End;
        public int Previous;
        public int Next;
    }
}

namespace LoraArena.Learning.Text.Models;

/// <summary>A word while its symbols are merged: a linked list in arrays, so that a merge costs the same in a word of any length.</summary>
/// <param name="capacity">Most symbols it may get.</param>
internal sealed class MergingWord(int capacity)
{
    private const int None = -1;

    private readonly int[] _ids = new int[capacity];
    private readonly int[] _starts = new int[capacity];
    private readonly int[] _ends = new int[capacity];
    private readonly int[] _previous = new int[capacity];
    private readonly int[] _next = new int[capacity];
    private int _count;
    private bool _lastIsUnknown;

    /// <summary>Appends a symbol.</summary>
    /// <param name="id">Its token.</param>
    /// <param name="start">Where it begins, in bytes.</param>
    /// <param name="end">Where it ends, in bytes.</param>
    public void Add(int id, int start, int end)
    {
        (_ids[_count], _starts[_count], _ends[_count]) = (id, start, end);
        _count++;
        _lastIsUnknown = false;
    }

    /// <summary>Appends an unknown symbol, or lengthens the last one if that is unknown too and they are fused.</summary>
    public void AddUnknown(int id, int start, int end, bool fuse)
    {
        if (fuse && _lastIsUnknown) _ends[_count - 1] = end;
        else Add(id, start, end);
        _lastIsUnknown = true;
    }

    /// <summary>Merges until no pair has a merge.</summary>
    public void MergeAll(MergeTable merges)
    {
        var queue = new PriorityQueue<int, long>(_count);
        for (var i = 0; i < _count; i++)
        {
            (_previous[i], _next[i]) = (i - 1, i + 1 < _count ? i + 1 : None);
            if (i + 1 < _count) Enqueue(i, merges, queue);
        }

        while (queue.TryDequeue(out var left, out var priority))
        {
            // An entry is stale if its pair was merged away or has become another pair, which then has an entry of its own.
            var right = _next[left];
            if (_ids[left] == None || right == None || !merges.TryGet(_ids[left], _ids[right], out var merge) || Priority(merge, left) != priority) continue;
            _ids[left] = merge.Id;
            _ends[left] = _ends[right];
            _next[left] = _next[right];
            _ids[right] = None;
            if (_next[left] != None)
            {
                _previous[_next[left]] = left;
                Enqueue(left, merges, queue);
            }

            if (_previous[left] != None) Enqueue(_previous[left], merges, queue);
        }
    }

    /// <summary>The result.</summary>
    public EncodedWord ToEncoded(string key)
    {
        var count = 0;
        for (var i = 0; i < _count; i++) count += _ids[i] == None ? 0 : 1;
        var (ids, starts, ends) = (new int[count], new int[count], new int[count]);
        for (int i = 0, o = 0; i < _count; i++)
        {
            if (_ids[i] == None) continue;
            (ids[o], starts[o], ends[o]) = (_ids[i], _starts[i], _ends[i]);
            o++;
        }

        return new EncodedWord(key, ids, starts, ends);
    }

    private void Enqueue(int left, MergeTable merges, PriorityQueue<int, long> queue)
    {
        if (merges.TryGet(_ids[left], _ids[_next[left]], out var merge)) queue.Enqueue(left, Priority(merge, left));
    }

    private static long Priority(Merge merge, int left) => ((long)merge.Rank << 32) | (uint)left;
}

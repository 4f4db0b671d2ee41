namespace LoraArena.Tokenizers.Models;

/// <summary>The merges that wait, lowest rank first and of one rank the leftmost: a heap of one number each.</summary>
internal sealed class MergeQueue
{
    // Four ways down: half the levels of two, and the four lie in one cache line.
    private const int Ways = 4;

    // A long word must not hold its memory for as long as the thread lives.
    private const int KeptCapacity = 1 << 16;

    private long[] _heap = new long[64];
    private int _count;

    /// <summary>Begins anew.</summary>
    /// <param name="capacity">About how many entries will wait.</param>
    public void Start(int capacity)
    {
        _count = 0;
        if (_heap.Length > KeptCapacity || _heap.Length < capacity) _heap = new long[Math.Max(capacity, 64)];
    }

    /// <summary>Adds a merge.</summary>
    /// <param name="rank">Its rank.</param>
    /// <param name="place">Where its left symbol stands.</param>
    public void Add(int rank, int place)
    {
        if (_count == _heap.Length) Array.Resize(ref _heap, _count * 2);
        var entry = ((long)rank << 32) | (uint)place;
        var at = _count++;
        for (int above; at > 0 && _heap[above = (at - 1) / Ways] > entry; at = above) _heap[at] = _heap[above];
        _heap[at] = entry;
    }

    /// <summary>Takes the first; false where none waits.</summary>
    public bool TryTake(out int rank, out int place)
    {
        if (_count == 0)
        {
            (rank, place) = (0, 0);
            return false;
        }

        var first = _heap[0];
        (rank, place) = ((int)(first >> 32), (int)first);
        var last = _heap[--_count];
        var at = 0;
        for (int below; (below = (Ways * at) + 1) < _count; at = below)
        {
            var end = Math.Min(below + Ways, _count);
            for (var i = below + 1; i < end; i++)
            {
                if (_heap[i] < _heap[below]) below = i;
            }

            if (_heap[below] >= last) break;
            _heap[at] = _heap[below];
        }

        _heap[at] = last;
        return true;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LoraArena.Learning.Devices.Host;

/// <summary>The context of one head: queries by blocks, each over all keys it sees, with a softmax that is corrected as its maximum grows.</summary>
internal static unsafe class AttentionForward
{
    private const int QueryBlock = 64;
    private const int KeyBlock = 512;

    /// <summary>Computes the rows of real tokens.</summary>
    /// <param name="shape">Sizes, and what a token sees.</param>
    /// <param name="length">Real tokens.</param>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="context">What is written.</param>
    /// <param name="logSum">Where the logarithm of each row's denominator goes; null for nowhere.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(AttentionShape shape, int length, TokenRows q, TokenRows k, TokenRows v, TokenRows context, float* logSum)
    {
        var (size, keys) = (AttentionBlocks.Padded(shape.HeadSize, HostTile.Columns), AttentionBlocks.Padded(length, HostTile.WideColumns));
        var keyRow = keys + HostTile.Columns;
        var scoreRow = Math.Min(keys, KeyBlock) + HostTile.Columns;
        var memory = new AttentionBlocks((size * keyRow) + (keys * size) + (QueryBlock * ((2 * size) + scoreRow)));
        float* kt = memory.Take(size * keyRow), vs = memory.Take(keys * size), copied = memory.Take(QueryBlock * size);
        float* sum = memory.Take(QueryBlock * size), scores = memory.Take(QueryBlock * scoreRow);
        float* maximum = stackalloc float[QueryBlock], total = stackalloc float[QueryBlock];
        AttentionBlocks.CopyTransposed(k, 0, length, keys, shape.HeadSize, size, kt, keyRow, shape.Scale);
        AttentionBlocks.Copy(v, 0, length, keys, shape.HeadSize, size, vs, 1);
        for (var first = 0; first < length; first += QueryBlock)
        {
            var rows = Math.Min(QueryBlock, length - first);
            var block = AttentionBlocks.Rows(q, first, rows, shape.HeadSize, size, copied);
            new Span<float>(sum, rows * size).Clear();
            new Span<float>(maximum, QueryBlock).Fill(float.NegativeInfinity);
            new Span<float>(total, QueryBlock).Clear();
            var (begin, end) = AttentionBlocks.Seen(shape, first, rows, length);
            for (var key = begin / HostTile.Columns * HostTile.Columns; key < end; key += KeyBlock)
            {
                var count = Math.Min(KeyBlock, end - key);
                var wide = AttentionBlocks.Padded(count, HostTile.Columns);
                HostTile.Multiply(block[0], block.Step, 1, kt + key, keyRow, scores, scoreRow, rows, wide, size);
                for (var row = 0; row < rows; row++)
                {
                    var (low, high) = AttentionBlocks.Seen(shape, first + row, 1, length);
                    Weigh(scores + (row * scoreRow), wide, low - key, Math.Min(high - key, count), maximum + row, total + row, sum + (row * size), size);
                }

                HostTile.Multiply(scores, scoreRow, 1, vs + ((nint)key * size), size, sum, size, rows, size, wide, sum, size);
            }

            for (var row = 0; row < rows; row++)
            {
                HostBlocks.Scale(sum + (row * size), context[first + row], shape.HeadSize, 1 / total[row]);
                if (logSum is not null) logSum[first + row] = maximum[row] + MathF.Log(total[row]);
            }
        }
    }

    // Scores of one query become weights against the largest score so far; what was summed before is brought down to it.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Weigh(float* scores, int wide, int low, int high, float* maximum, float* total, float* sum, int size)
    {
        AttentionBlocks.Hide(scores, wide, low, high);
        if (high <= Math.Max(low, 0)) return;
        var largest = Vector512.Create(*maximum);
        for (var i = 0; i < wide; i += HostTile.Columns) largest = Vector512.MaxNative(largest, Vector512.Load(scores + i));
        var peak = HostBlocks.Largest(largest);
        if (peak > *maximum && *total > 0)
        {
            var factor = MathF.Exp(*maximum - peak);
            *total *= factor;
            HostBlocks.Scale(sum, sum, size, factor);
        }

        *maximum = peak;
        var (shift, all) = (Vector512.Create(peak), Vector512<float>.Zero);
        for (var i = 0; i < wide; i += HostTile.Columns)
        {
            var weight = HostBlocks.Exp(Vector512.Load(scores + i) - shift);
            weight.Store(scores + i);
            all += weight;
        }

        *total += Vector512.Sum(all);
    }
}

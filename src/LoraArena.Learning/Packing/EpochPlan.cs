using LoraArena.Core.Statistics;
using LoraArena.Learning.Devices;

namespace LoraArena.Learning.Packing;

/// <summary>
/// Which rows each optimiser step of an epoch takes, as a function of seed and epoch alone: a run that resumes at any step goes on with
/// the very rows that were next. Rows are shuffled, cut into windows of some batches, sorted by length inside a window so that a batch
/// needs little padding, and the batches shuffled.
/// </summary>
public static class EpochPlan
{
    private const int BatchesAWindow = 16;

    /// <summary>Optimiser steps of an epoch.</summary>
    public static long Steps(int rows, int batchSize) => (rows + batchSize - 1) / batchSize;

    /// <summary>The batches of an epoch, as indices of rows.</summary>
    /// <param name="lengths">Tokens of each row.</param>
    /// <param name="batchSize">Rows a batch.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">The epoch, from 0.</param>
    public static IReadOnlyList<int[]> Batches(IReadOnlyList<int> lengths, int batchSize, long seed, long epoch)
    {
        var random = new SeededRandom(seed, (long)RandomStreams.Purpose.RowOrder, epoch);
        var order = Enumerable.Range(0, lengths.Count).ToArray();
        random.Shuffle(order.AsSpan());
        var batches = order
            .Chunk(batchSize * BatchesAWindow)
            .SelectMany(window => window.OrderBy(row => lengths[row]).Chunk(batchSize))
            .ToArray();
        random.Shuffle(batches.AsSpan());
        return batches;
    }

    /// <summary>Whether a row's answers change places in an epoch: half of the rows, another half each time.</summary>
    public static bool Swaps(long seed, long epoch, int row) => (SeededRandom.Hash(seed, (long)RandomStreams.Purpose.Swap, epoch, row) & 1) == 1;

    /// <summary>
    /// Cuts a batch into micro-batches whose padded tokens stay within a budget; a row alone may exceed it. Longest rows first, so that
    /// memory is highest at the start.
    /// </summary>
    public static IEnumerable<T[]> MicroBatches<T>(IEnumerable<T> batch, Func<T, int> length, int maxTokens)
    {
        var current = new List<T>();
        var longest = 0;
        foreach (var item in batch.OrderByDescending(length))
        {
            if (current.Count > 0 && (current.Count + 1) * longest > maxTokens)
            {
                yield return [.. current];
                current.Clear();
            }

            if (current.Count == 0) longest = length(item);
            current.Add(item);
        }

        if (current.Count > 0) yield return [.. current];
    }
}

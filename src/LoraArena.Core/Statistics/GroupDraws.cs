using System.Runtime.CompilerServices;

namespace LoraArena.Core.Statistics;

/// <summary>
/// The random choices of one resample over groups: which groups are drawn, and which signs they get. They depend on nothing but
/// (seed, number of the resample, number of groups), so two predictors that are resampled alike can be subtracted resample by resample.
/// Its loops run some 10⁸ times at once in a process that is young: they are compiled well from the start.
/// </summary>
internal readonly struct GroupDraws(long seed, int resample, int groups)
{
    /// <summary>Mean over rows when as many groups are drawn, with replacement, as there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double Mean(GroupSums sums)
    {
        var random = new SeededRandom(seed, resample, groups);
        var (total, rows) = (0.0, 0L);
        var (totals, counts) = (sums.Totals, sums.Counts);
        for (var g = 0; g < groups; g += 2)
        {
            // Two draws from 64 bits: each is bits · groups / 2³², whose bias of at most groups / 2³² is far below what a resample can show.
            var bits = random.NextBits();
            var first = (int)(((bits & 0xFFFFFFFF) * (ulong)groups) >> 32);
            (total, rows) = (total + totals[first], rows + counts[first]);
            if (g + 1 == groups) break;
            var second = (int)(((bits >> 32) * (ulong)groups) >> 32);
            (total, rows) = (total + totals[second], rows + counts[second]);
        }

        return total / rows;
    }

    /// <summary>Sum over groups, each with a random sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double SignedSum(double[] totals)
    {
        var random = new SeededRandom(seed, resample, groups, 1);
        var total = 0.0;
        for (var start = 0; start < groups; start += 64)
        {
            var bits = random.NextBits();
            var end = Math.Min(groups, start + 64);
            for (var g = start; g < end; g++, bits >>= 1) total += (1 - (2 * (double)(bits & 1))) * totals[g];
        }

        return total;
    }
}

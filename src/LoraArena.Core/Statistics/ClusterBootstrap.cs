namespace LoraArena.Core.Statistics;

/// <summary>
/// Intervals of a mean over rows that come in groups (battles with the same prompt): whole groups are drawn again with replacement,
/// so rows that resemble one another do not count as independent (Davison and Hinkley 1997, chapter 3.8; percentile interval).
/// </summary>
public static class ClusterBootstrap
{
    /// <summary>Resamples an interval is made from.</summary>
    public const int Resamples = 2000;

    /// <summary>Interval of the mean of <paramref name="values"/>.</summary>
    /// <param name="values">One value a row.</param>
    /// <param name="groups">Group of each row.</param>
    /// <param name="seed">Names the random stream.</param>
    /// <exception cref="ArgumentException">The lists are empty or of different lengths.</exception>
    public static Interval Mean(IReadOnlyList<double> values, IReadOnlyList<string> groups, long seed) => Mean(GroupSums.Of(values, groups), seed);

    /// <summary>Interval of the mean over the rows of all groups; unknown where there is one group only, which says nothing of others.</summary>
    /// <param name="sums">The values, added up group by group.</param>
    /// <param name="seed">Names the random stream.</param>
    public static Interval Mean(GroupSums sums, long seed)
    {
        if (sums.Totals.Length == 1) return Interval.Unknown(sums.Mean);
        var means = new double[Resamples];
        Parallel.For(0, Resamples, r => means[r] = new GroupDraws(seed, r, sums.Totals.Length).Mean(sums));
        Array.Sort(means);

        // Where all values are equal, sums in another order may differ in the last digit; the mean must not lie outside its own interval.
        var mean = sums.Mean;
        return new Interval(mean, Math.Min(mean, Quantile(means, 0.025)), Math.Max(mean, Quantile(means, 0.975)));
    }

    /// <summary>A quantile of sorted numbers, interpolated between neighbours (R's type 7, NumPy's default).</summary>
    public static double Quantile(ReadOnlySpan<double> sorted, double q)
    {
        var at = q * (sorted.Length - 1);
        var below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + ((at - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }
}

namespace LoraArena.Core.Statistics;

/// <summary>A figure with the interval that it lies in with 95 % confidence.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="Low">2.5 % bound.</param>
/// <param name="High">97.5 % bound.</param>
public sealed record Interval(double Value, double Low, double High)
{
    /// <summary>True where zero lies outside: the sign of the figure is sure.</summary>
    public bool ExcludesZero => Low > 0 || High < 0;
}

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
    public static Interval Mean(IReadOnlyList<double> values, IReadOnlyList<string> groups, long seed)
    {
        var (sums, counts) = Sums(values, groups);
        var random = new SeededRandom(seed, values.Count);
        var means = new double[Resamples];
        for (var r = 0; r < Resamples; r++)
        {
            var (sum, count) = (0.0, 0L);
            for (var g = 0; g < sums.Length; g++)
            {
                var drawn = random.Next(sums.Length);
                sum += sums[drawn];
                count += counts[drawn];
            }

            means[r] = sum / count;
        }

        Array.Sort(means);
        var mean = values.Average();

        // Where all values are equal, sums in another order may differ in the last digit; the mean must not lie outside its own interval.
        return new Interval(mean, Math.Min(mean, Quantile(means, 0.025)), Math.Max(mean, Quantile(means, 0.975)));
    }

    /// <summary>
    /// Probability, if the mean were zero, of one at least as far from zero: the signs of whole groups are drawn at random
    /// (sign-flip permutation test, two-sided; the observed arrangement counts as one of them).
    /// </summary>
    public static double SignFlipP(IReadOnlyList<double> values, IReadOnlyList<string> groups, long seed)
    {
        var (sums, _) = Sums(values, groups);
        var observed = Math.Abs(sums.Sum());
        var random = new SeededRandom(seed, values.Count, 1);
        var asFar = 1;
        for (var r = 0; r < Resamples; r++)
        {
            var sum = 0.0;
            for (var g = 0; g < sums.Length; g++) sum += (random.NextBits() >> 63) == 0 ? sums[g] : -sums[g];

            // The tolerance keeps sums that differ only by rounding equal.
            if (Math.Abs(sum) >= observed * (1 - 1e-12)) asFar++;
        }

        return (double)asFar / (Resamples + 1);
    }

    private static (double[] Sums, int[] Counts) Sums(IReadOnlyList<double> values, IReadOnlyList<string> groups)
    {
        if (values.Count == 0 || values.Count != groups.Count) throw new ArgumentException("One group a value, and at least one value.", nameof(groups));
        var index = new Dictionary<string, int>(StringComparer.Ordinal);
        var sums = new List<double>();
        var counts = new List<int>();
        for (var i = 0; i < values.Count; i++)
        {
            if (!index.TryGetValue(groups[i], out var g))
            {
                index.Add(groups[i], g = sums.Count);
                sums.Add(0);
                counts.Add(0);
            }

            sums[g] += values[i];
            counts[g]++;
        }

        return ([.. sums], [.. counts]);
    }

    private static double Quantile(double[] sorted, double q)
    {
        var at = q * (sorted.Length - 1);
        var below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + ((at - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }
}

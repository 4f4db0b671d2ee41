namespace LoraArena.Core.Statistics;

/// <summary>
/// All that comparing needs of one predictor's losses on one set of rows, in the same small size however many rows there are: its mean in
/// each of <see cref="ClusterBootstrap.Resamples"/> resamples of groups, and the mean with random signs in as many sign flips. The draws are
/// the same for everybody who is scored on the same rows, so the resampled difference of two predictors is the difference of their
/// sketches, and their common part cancels as it does row by row. Averages over seeds and folds are averages of sketches.
/// </summary>
/// <param name="Rows">Rows scored.</param>
/// <param name="Groups">Groups that they come in.</param>
/// <param name="Mean">Mean log loss.</param>
/// <param name="Resampled">Mean log loss in each bootstrap resample.</param>
/// <param name="Flipped">Sum of the group totals with random signs, over <paramref name="Rows"/>, in each sign flip.</param>
public sealed record LossSketch(int Rows, int Groups, double Mean, double[] Resampled, double[] Flipped)
{
    /// <summary>Resamples and flips of every sketch.</summary>
    public const int Size = ClusterBootstrap.Resamples;

    /// <summary>Groups of the part that has the fewest, where the rows come in parts that are drawn independently, such as folds.</summary>
    public int MinPartGroups { get; init; } = Groups;

    /// <summary>
    /// True where resampling shows how the mean varies with the groups: a part of one group is drawn as itself every time, which says nothing
    /// of other groups, so there is no interval then.
    /// </summary>
    public bool HasSpread => MinPartGroups > 1;

    /// <summary>Draws a sketch.</summary>
    /// <param name="sums">The losses, added up group by group, groups in the order that all predictors share.</param>
    /// <param name="seed">Names the draws: the same for all that are scored on the same rows.</param>
    public static LossSketch Of(GroupSums sums, long seed)
    {
        var (resampled, flipped) = (new double[Size], new double[Size]);
        var rows = sums.Rows;
        Parallel.For(0, Size, r =>
        {
            var draws = new GroupDraws(seed, r, sums.Totals.Length);
            resampled[r] = draws.Mean(sums);
            flipped[r] = draws.SignedSum(sums.Totals) / rows;
        });
        return new LossSketch(rows, sums.Totals.Length, sums.Mean, resampled, flipped);
    }

    /// <summary>The average of several predictors on the same rows, such as one method with several seeds.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static LossSketch Average(IReadOnlyList<LossSketch> sketches)
        => sketches.Count == 1 ? sketches[0] : Weighted(sketches, [.. sketches.Select(_ => 1.0 / sketches.Count)], sketches[0].Rows, sketches[0].Groups);

    /// <summary>The whole of several parts with different rows, such as the folds of a split: rows count alike, parts are drawn independently.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static LossSketch Joined(IReadOnlyList<LossSketch> parts)
    {
        var rows = parts.Sum(p => p.Rows);
        return parts.Count == 1 ? parts[0] : Weighted(parts, [.. parts.Select(p => (double)p.Rows / rows)], rows, parts.Sum(p => p.Groups));
    }

    /// <summary>95 % interval of the mean log loss; unknown where all rows, or all of a part, have the same prompt.</summary>
    public Interval MeanInterval()
    {
        if (!HasSpread) return Interval.Unknown(Mean);
        var sorted = (double[])Resampled.Clone();
        Array.Sort(sorted);
        return new Interval(Mean, Math.Min(Mean, ClusterBootstrap.Quantile(sorted, 0.025)), Math.Max(Mean, ClusterBootstrap.Quantile(sorted, 0.975)));
    }

    private static LossSketch Weighted(IReadOnlyList<LossSketch> sketches, double[] weights, int rows, int groups)
    {
        if (sketches.Count == 0) throw new ArgumentException("Nothing to average.", nameof(sketches));
        var (mean, resampled, flipped) = (0.0, new double[Size], new double[Size]);
        for (var i = 0; i < sketches.Count; i++)
        {
            mean += weights[i] * sketches[i].Mean;
            for (var r = 0; r < Size; r++)
            {
                resampled[r] += weights[i] * sketches[i].Resampled[r];
                flipped[r] += weights[i] * sketches[i].Flipped[r];
            }
        }

        return new LossSketch(rows, groups, mean, resampled, flipped) { MinPartGroups = sketches.Min(s => s.MinPartGroups) };
    }
}

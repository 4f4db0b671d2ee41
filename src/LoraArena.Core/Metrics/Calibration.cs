using LoraArena.Core.Battles;

namespace LoraArena.Core.Metrics;

/// <summary>How far confidence and accuracy part.</summary>
public static class Calibration
{
    /// <summary>Bins of confidence.</summary>
    public const int Bins = 15;

    /// <summary>
    /// Expected calibration error: mean over equal-width bins of the highest probability of |accuracy − confidence|, weighted by rows
    /// (Naeini et al. 2015; 15 bins as in Guo et al. 2017, arXiv:1706.04599).
    /// </summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    public static double Error(IReadOnlyList<(Probabilities P, Winner Winner)> rows)
    {
        if (rows.Count == 0) throw new ArgumentException("No row has a known winner, so nothing can be scored.", nameof(rows));
        var correct = new double[Bins];
        var confidence = new double[Bins];
        foreach (var (p, winner) in rows)
        {
            var best = Scores.MostProbable(p);
            var bin = Math.Clamp((int)Math.Ceiling(p[best] * Bins) - 1, 0, Bins - 1);
            correct[bin] += best == winner ? 1 : 0;
            confidence[bin] += p[best];
        }

        return correct.Zip(confidence, (c, f) => Math.Abs(c - f)).Sum() / rows.Count;
    }

    /// <summary>
    /// Flip rate: share of battles whose most probable outcome changes when the answers change places. Zero for a judge that does not care
    /// about positions.
    /// </summary>
    /// <param name="first">Outcomes as the battles stand.</param>
    /// <param name="exchanged">Outcomes with the answers exchanged, as the model saw them: its A is the battle's B.</param>
    /// <exception cref="ArgumentException">The lists are empty or of different lengths.</exception>
    public static double FlipRate(IReadOnlyList<Probabilities> first, IReadOnlyList<Probabilities> exchanged)
    {
        if (first.Count == 0 || first.Count != exchanged.Count)
        {
            throw new ArgumentException("Both orders of the same battles, and at least one battle.", nameof(exchanged));
        }

        return (double)first.Zip(exchanged).Count(pair => Scores.MostProbable(pair.First) != Scores.MostProbable(pair.Second.Swapped())) / first.Count;
    }
}

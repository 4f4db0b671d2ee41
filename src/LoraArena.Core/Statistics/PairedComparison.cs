using LoraArena.Core.Battles;
using LoraArena.Core.Metrics;

namespace LoraArena.Core.Statistics;

/// <summary>Two sets of predictions compared row by row.</summary>
/// <param name="Rows">Rows that both predict and whose winner is known.</param>
/// <param name="Difference">Mean log loss of the first minus that of the second: below zero the first is better.</param>
/// <param name="P">Sign-flip permutation p of that difference.</param>
public sealed record PairedComparison(int Rows, Interval Difference, double P)
{
    /// <summary>Compares on the rows that both have.</summary>
    /// <exception cref="ArgumentException">They share no row with a known winner.</exception>
    public static PairedComparison Of(IEnumerable<Prediction> first, IEnumerable<Prediction> second, long seed = 0)
    {
        var others = second.Where(p => p.Winner is not null).ToDictionary(p => p.Id, StringComparer.Ordinal);
        var differences = new List<double>();
        var groups = new List<string>();
        foreach (var one in first)
        {
            if (one.Winner is not { } winner || !others.TryGetValue(one.Id, out var other)) continue;
            differences.Add(LogLoss.OfRow(one.Probabilities, winner) - LogLoss.OfRow(other.Probabilities, winner));
            groups.Add(one.Group);
        }

        if (differences.Count == 0) throw new ArgumentException("The two share no row with a known winner, so they cannot be compared.", nameof(second));
        var sums = GroupSums.Of(differences, groups);
        return new PairedComparison(differences.Count, ClusterBootstrap.Mean(sums, seed), SignFlipTest.P(sums.Totals));
    }
}

using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Data.Competitions;
using LoraArena.Data.Predictions;

namespace LoraArena.Data.Boards;

/// <summary>A row on which two runs say different things.</summary>
/// <param name="Battle">The battle.</param>
/// <param name="First">What the first run says.</param>
/// <param name="Second">What the second says.</param>
/// <param name="Difference">Loss of the first minus that of the second: below zero the first is better here.</param>
public sealed record DisagreeingRow(Battle Battle, Probabilities First, Probabilities Second, double Difference);

/// <summary>Where two runs disagree.</summary>
/// <param name="First">The first run.</param>
/// <param name="Second">The second.</param>
/// <param name="Whole">Their difference over all rows.</param>
/// <param name="Slices">And over parts of them.</param>
/// <param name="Rows">Rows, those with the largest difference of losses first.</param>
public sealed record Disagreement(RunSpec First, RunSpec Second, PairedComparison Whole, IReadOnlyList<Slice> Slices, IReadOnlyList<DisagreeingRow> Rows);

/// <summary>Reads two runs side by side.</summary>
/// <param name="arena">The arena.</param>
/// <param name="library">Its competitions.</param>
public sealed class DisagreementReader(ArenaFolder arena, CompetitionLibrary library)
{
    /// <summary>Rows that are kept with their texts.</summary>
    public const int MaxRows = 200;

    /// <summary>Compares two runs that have succeeded.</summary>
    /// <param name="first">Id of the first.</param>
    /// <param name="second">Id of the second.</param>
    /// <param name="slice">Only rows of this slice are listed; null lists those of all.</param>
    /// <param name="firstBetter">True lists only rows on which the first is better, false those on which the second is; null both.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="CompetitionException">They cannot be compared row by row; the message says why.</exception>
    public Disagreement Read(string first, string second, (string Kind, string Name)? slice, bool? firstBetter, CancellationToken cancellation = default)
    {
        var (a, b) = (RunSpec.Read(arena.Run(first).Spec), RunSpec.Read(arena.Run(second).Spec));
        var (rowsA, rowsB) = (Scored(first), Scored(second));
        if (rowsA.Hash != rowsB.Hash)
        {
            throw new CompetitionException($"'{a.Name}' and '{b.Name}' were scored on different rows or labels, so they cannot be compared row by row.");
        }

        var said = new Dictionary<string, (Prediction A, Prediction B)>(StringComparer.Ordinal);
        foreach (var (x, y) in rowsA.Rows.Zip(rowsB.Rows)) said[x.Id] = (x, y);
        var all = new List<(Battle Battle, double Difference, string Group)>();
        var kept = new PriorityQueue<DisagreeingRow, double>();
        foreach (var battle in library.ReadBattles(a.Data.Train, FileRole.Train, cancellation))
        {
            if (!said.TryGetValue(battle.Id, out var both)) continue;
            var difference = LogLoss.OfRow(both.A.Probabilities, both.A.Winner!.Value) - LogLoss.OfRow(both.B.Probabilities, both.B.Winner!.Value);

            all.Add((battle, difference, both.A.Group));
            if (slice is { } wanted && !Slices.Of(battle).Contains(wanted)) continue;
            if (firstBetter is { } better && (better ? difference >= 0 : difference <= 0)) continue;
            kept.Enqueue(new DisagreeingRow(battle, both.A.Probabilities, both.B.Probabilities, difference), Math.Abs(difference));
            if (kept.Count > MaxRows) kept.Dequeue();
        }

        if (all.Count == 0) throw new CompetitionException("The training data of these runs are not in the arena any more.");
        var sums = GroupSums.Of([.. all.Select(r => r.Difference)], [.. all.Select(r => r.Group)]);
        var whole = new PairedComparison(all.Count, ClusterBootstrap.Mean(sums, seed: 0), SignFlipTest.P(sums.Totals));
        return new Disagreement(
            a, b, whole, Slices.Compare(all),
            [.. kept.UnorderedItems.Select(i => i.Element).OrderByDescending(r => Math.Abs(r.Difference)).ThenBy(r => r.Battle.Id, StringComparer.Ordinal)]);
    }

    private ScoredRows Scored(string run)
    {
        if (!File.Exists(arena.Run(run).ValidationPredictions)) throw new CompetitionException("Only runs that have succeeded can be compared row by row.");
        return ScoredRows.Of(PredictionFile.Read(arena.Run(run).ValidationPredictions));
    }
}

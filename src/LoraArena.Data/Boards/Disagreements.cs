using System.Collections.Concurrent;
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
/// <param name="Row">The row, without its texts.</param>
/// <param name="First">What the first run says.</param>
/// <param name="Second">What the second says.</param>
/// <param name="Difference">Loss of the first minus that of the second: below zero the first is better here.</param>
public sealed record DisagreeingRow(ListedRow Row, Probabilities First, Probabilities Second, double Difference);

/// <summary>Where two runs disagree.</summary>
/// <param name="First">The first run.</param>
/// <param name="Second">The second.</param>
/// <param name="Whole">Their difference over all rows.</param>
/// <param name="Slices">And over parts of them.</param>
/// <param name="Rows">Rows, those with the largest difference of losses first.</param>
public sealed record Disagreement(RunSpec First, RunSpec Second, PairedComparison Whole, IReadOnlyList<Slice> Slices, IReadOnlyList<DisagreeingRow> Rows);

/// <summary>
/// Reads two runs side by side. What two runs amount to is worked out when they are first looked at, from their predictions and the list of
/// rows that the import has left, and kept; after that a view reads the texts of the rows that it shows, and nothing else.
/// </summary>
/// <param name="arena">The arena.</param>
/// <param name="library">Its competitions.</param>
public sealed class DisagreementReader(ArenaFolder arena, CompetitionLibrary library)
{
    /// <summary>Rows that are listed.</summary>
    public const int MaxRows = 200;

    /// <summary>Rows that are kept of all pairs together; each takes about 150 bytes.</summary>
    private const int MaxKeptRows = 300_000;

    private readonly ConcurrentDictionary<(string First, string Second), ((DateTime, DateTime) Stamp, Disagreement Found)> _kept = [];

    /// <summary>Compares two runs that have succeeded.</summary>
    /// <param name="first">Id of the first.</param>
    /// <param name="second">Id of the second.</param>
    /// <param name="slice">Only rows of this slice are listed; null lists those of all.</param>
    /// <param name="firstBetter">True lists only rows on which the first is better, false those on which the second is; null both.</param>
    /// <exception cref="CompetitionException">They cannot be compared row by row; the message says why.</exception>
    public Disagreement Read(string first, string second, (string Kind, string Name)? slice, bool? firstBetter)
    {
        // A run that was resumed has been predicted anew.
        var stamp = (Stamp(first), Stamp(second));
        if (!_kept.TryGetValue((first, second), out var kept) || kept.Stamp != stamp)
        {
            kept = (stamp, Compare(first, second));
            if (_kept.Values.Sum(k => k.Found.Rows.Count) + kept.Found.Rows.Count > MaxKeptRows) _kept.Clear();
            _kept[(first, second)] = kept;
        }

        return kept.Found with
        {
            Rows = [.. kept.Found.Rows
                .Where(row => slice is not { } wanted || row.Row.Slices.Contains(wanted))
                .Where(row => firstBetter is not { } better || (better ? row.Difference < 0 : row.Difference > 0))
                .Take(MaxRows)],
        };
    }

    /// <summary>The texts of some of the rows.</summary>
    /// <exception cref="CompetitionException">The training data are not in the arena any more.</exception>
    /// <exception cref="Csv.CsvRefusedException">They have been changed.</exception>
    public IReadOnlyList<Battle> ReadBattles(Disagreement found, IEnumerable<DisagreeingRow> rows)
        => library.ReadBattles(found.First.Data.Train, FileRole.Train, [.. rows.Select(row => row.Row)]);

    private Disagreement Compare(string first, string second)
    {
        var (a, b) = (RunSpec.Read(arena.Run(first).Spec), RunSpec.Read(arena.Run(second).Spec));
        var (rowsA, rowsB) = (Scored(first), Scored(second));
        if (rowsA.Hash != rowsB.Hash)
        {
            throw new CompetitionException($"'{a.Name}' and '{b.Name}' were scored on different rows or labels, so they cannot be compared row by row.");
        }

        var listed = library.ListRows(a.Data.Train, FileRole.Train).Where(row => row.IsAccepted).ToDictionary(row => row.Id, StringComparer.Ordinal);
        var all = new List<DisagreeingRow>();
        foreach (var (x, y) in rowsA.Rows.Zip(rowsB.Rows))
        {
            if (!listed.TryGetValue(x.Id, out var row)) continue;
            var difference = LogLoss.OfRow(x.Probabilities, x.Winner!.Value) - LogLoss.OfRow(y.Probabilities, y.Winner!.Value);
            all.Add(new DisagreeingRow(row, x.Probabilities, y.Probabilities, difference));
        }

        if (all.Count == 0) throw new CompetitionException("The training data of these runs are not in the arena any more.");
        var sums = GroupSums.Of([.. all.Select(r => r.Difference)], [.. all.Select(r => r.Row.Group)]);
        var whole = new PairedComparison(all.Count, ClusterBootstrap.Mean(sums, seed: 0), SignFlipTest.P(sums.Totals));
        return new Disagreement(
            a, b, whole, Slices.Compare([.. all.Select(r => (r.Row.Slices, r.Difference, r.Row.Group))]),
            [.. all.OrderByDescending(r => Math.Abs(r.Difference)).ThenBy(r => r.Row.Id, StringComparer.Ordinal)]);
    }

    private DateTime Stamp(string run) => File.GetLastWriteTimeUtc(arena.Run(run).ValidationPredictions);

    private ScoredRows Scored(string run)
    {
        if (!File.Exists(arena.Run(run).ValidationPredictions)) throw new CompetitionException("Only runs that have succeeded can be compared row by row.");
        return ScoredRows.Of(PredictionFile.Read(arena.Run(run).ValidationPredictions));
    }
}

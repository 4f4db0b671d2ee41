using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Core.Trials;

namespace LoraArena.Core.Competitions;

/// <summary>Makes a board of what was scored: takes runs of one method together, compares all with a reference, sorts.</summary>
/// <param name="query">What is asked for.</param>
/// <param name="worker">Knows names of variants and defaults of options; null where it cannot be asked.</param>
/// <param name="readTotals">Losses of a run or baseline, added up group by group, for exact p-values; null where they are not there.</param>
public sealed class BoardBuilder(BoardQuery query, WorkerDescription? worker, Func<BoardRun, double[]?> readTotals)
{
    private readonly List<ExcludedRun> _excluded = [];

    /// <summary>Makes the board.</summary>
    /// <param name="parts">What was scored on the hold-out or the fold; for all folds together, one part a fold.</param>
    public Board Build(IReadOnlyList<BoardPart> parts)
    {
        var baselines = parts[0].Baselines.Select(b => OfBaseline(b, parts)).ToList();
        var groups = Groups(parts);
        var toldAlike = ToldAlike(groups);
        var all = groups.Select(runs => OfRuns(runs, parts.Count, toldAlike)).ToList();
        var shown = all.Where(Matches).ToList();
        var failed = FailedOf(parts);
        var named = Named(shown).OrderBy(r => r.LogLoss.Value).ThenBy(r => r.Id, StringComparer.Ordinal).Select((r, i) => r with { Place = i + 1 }).ToList();
        List<BoardRow> rows = [.. named, .. baselines];
        var failedLines = FailedLines(failed, rows);
        if (rows.Count == 0) return new Board([], null, 0, 0, 0, _excluded, all.Count) { Failed = failedLines };
        if (!query.ByRun)
        {
            rows = [.. rows.Select(r => r.IsBaseline
                ? r
                : r with { FailedRuns = failed.Count(f => f.Result.State == RunState.Failed && KeyOf(f) == KeyOf(r.Runs[0])) })];
        }

        var reference = ReferenceOf(rows);
        rows = Compared(rows, reference);
        var best = baselines.Count > 0 ? baselines.Min(b => b.LogLoss.Value) : (double?)null;
        rows = [.. Ranked(rows).Select(r =>
            r with { SecondsPerThousandth = best - r.LogLoss.Value > 0 ? r.Seconds / ((best - r.LogLoss.Value) * 1000) : null })];
        return new Board(
            Sorted(rows), rows.First(r => r.Id == reference.Id), rows[0].Losses.Average.Rows, rows[0].Losses.Average.Groups,
            rows.Count(r => r.Against is not null && !r.IsBaseline), _excluded, all.Count - shown.Count)
        {
            Failed = failedLines,
        };
    }

    private List<FailedRun> FailedOf(IReadOnlyList<BoardPart> parts) =>
    [
        .. parts.SelectMany(p => p.Failed)
            .Where(f => query.Trial is null || (f.Spec.Trial is { IsTuning: false } trial && trial.Id == query.Trial))
            .Where(f => Matches(TextOf(f.Settings, [], f.Spec, f.Result.Reason)))
            .Where(f => f.Result.State == RunState.Failed || f.Result.Cost is { Seconds: > 0 })
            .OrderByDescending(f => f.Spec.Run, StringComparer.Ordinal),
    ];

    // A method that has a line is called as there; one that never succeeded by all its settings.
    private List<FailedLine> FailedLines(List<FailedRun> failed, List<BoardRow> rows)
    {
        var names = rows.Where(r => !r.IsBaseline)
            .GroupBy(r => KeyOf(r.Runs[0]), StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.First().Name, StringComparer.Ordinal);
        var lines = query.ByRun
            ? failed.Select(f => new FailedLine(f.Spec.Name, [f]))
            : failed.GroupBy(KeyOf, StringComparer.Ordinal).Select(g => new FailedLine(names.GetValueOrDefault(g.Key) ?? NameOf(g.First()), [.. g]));
        return [.. lines.OrderByDescending(l => l.Seconds ?? 0).ThenBy(l => l.Name, StringComparer.Ordinal)];
    }

    private string NameOf(FailedRun run)
        => run.Spec.Trial is { } trial && query.Trial is not null
            ? trial.Method
            : string.Join(' ', new[] { VariantName(run.Settings.Variant), run.Settings.Text() }.Where(t => t.Length > 0));

    // Runs that belong into one line, those of other rows left out.
    private List<List<BoardRun>> Groups(IReadOnlyList<BoardPart> parts)
    {
        var fitting = new List<(int Part, BoardRun Run)>();
        for (var p = 0; p < parts.Count; p++)
        {
            var hash = parts[p].Baselines.Count > 0
                ? parts[p].Baselines[0].Losses.RowsHash
                : (parts[p].Runs.Count > 0 ? parts[p].Runs[0].Losses.RowsHash : null);
            foreach (var run in parts[p].Runs)
            {
                if (query.Trial is not null && (run.Spec.Trial?.Id != query.Trial || run.Spec.Trial.IsTuning)) continue;
                if (run.Losses.RowsHash == hash) fitting.Add((p, run));
                else
                {
                    _excluded.Add(new ExcludedRun(
                        run.Spec.Run, run.Spec.Name,
                        "It was scored on other rows or labels than the competition has now, so it cannot be compared."));
                }
            }
        }

        if (parts.Count == 1 && query.ByRun) return [.. fitting.Select(f => new List<BoardRun> { f.Run })];
        var groups = new List<List<BoardRun>>();
        foreach (var seed in fitting.GroupBy(f => (KeyOf(f.Run), f.Run.Spec.Training.Seed)))
        {
            // The newest of several runs of the same method, seed and fold counts: the others are the same training again.
            var folds = seed.GroupBy(f => f.Part)
                .OrderBy(f => f.Key)
                .Select(f => f.Select(x => x.Run).OrderBy(r => r.Spec.Run, StringComparer.Ordinal).ToList())
                .ToList();
            foreach (var again in folds.SelectMany(f => f.SkipLast(1)))
            {
                _excluded.Add(new ExcludedRun(again.Spec.Run, again.Spec.Name, "A newer run has the same settings and seed; it counts."));
            }

            var runs = folds.Select(f => f[^1]).ToList();
            if (runs.Count == parts.Count) groups.Add(runs);
            else
            {
                _excluded.AddRange(runs.Select(r =>
                    new ExcludedRun(
                        r.Spec.Run, r.Spec.Name,
                        FormattableString.Invariant($"Of {parts.Count} folds only {runs.Count} are done with this method and seed."))));
            }
        }

        return query.ByRun ? groups : [.. groups.GroupBy(g => KeyOf(g[0]), StringComparer.Ordinal).Select(g => g.SelectMany(runs => runs).ToList())];
    }

    // On the board of a trial its methods stand as it calls them: other seeds of the same method, the null line, are a line of their own.
    private string KeyOf(BoardRun run) => KeyOf(run.Settings, run.Spec);

    private string KeyOf(FailedRun run) => KeyOf(run.Settings, run.Spec);

    private string KeyOf(MethodSettings settings, RunSpec spec) => WithTrial(settings.Key, spec);

    private string WithTrial(string key, RunSpec spec) => query.Trial is null ? key : $"{key}\n{spec.Trial!.Method}";

    // Methods that differ in nothing but what they learnt from.
    private static HashSet<string> ToldAlike(List<List<BoardRun>> groups) => groups.Select(g => g[0].Settings)
        .DistinctBy(s => s.Key, StringComparer.Ordinal)
        .GroupBy(s => s.SettingsKey, StringComparer.Ordinal)
        .Where(g => g.Count() > 1)
        .Select(g => g.Key)
        .ToHashSet(StringComparer.Ordinal);

    // By the settings alone where they name it, so that links stay good while there is one set of weights and data.
    private string IdOf(BoardRun run, HashSet<string> toldAlike)
    {
        var key = toldAlike.Contains(run.Settings.SettingsKey) ? KeyOf(run) : WithTrial(run.Settings.SettingsKey, run.Spec);
        return MethodId(key + (query.ByRun ? FormattableString.Invariant($"\n{run.Spec.Training.Seed}") : ""));
    }

    // Quality is averaged over rows, so that a fold counts as much as it has of them. Calibration error too: its bins are not kept, so those of
    // several folds cannot be pooled.
    private static double? ByRows(List<BoardRun> runs, Func<Scores, double?> value)
    {
        var known = runs.Where(r => value(r.Scores) is not null).ToList();
        return known.Count == 0 ? null : known.Sum(r => value(r.Scores)!.Value * r.Scores.Rows) / known.Sum(r => (double)r.Scores.Rows);
    }

    private BoardRow OfRuns(List<BoardRun> runs, int folds, HashSet<string> toldAlike)
    {
        // A seed's folds stand one after the other: they are joined, then seeds are averaged.
        var seeds = runs.Chunk(folds).ToList();
        var losses = new MethodLosses([.. seeds.Select(s => LossSketch.Joined([.. s.Select(r => r.Losses.Sketch)]))]);
        var first = runs[0];
        var only = runs.Count == 1;
        return new BoardRow(
            only && query.ByRun ? first.Spec.Run : IdOf(first, toldAlike),
            only && query.ByRun ? first.Spec.Name : query.Trial is not null ? first.Spec.Trial!.Method : "",
            false,
            first.Settings,
            runs,
            losses,
            only
                ? new Interval(first.Scores.LogLoss, first.Scores.LogLossLow ?? double.NaN, first.Scores.LogLossHigh ?? double.NaN)
                : losses.Average.MeanInterval(),
            ByRows(runs, s => s.Accuracy)!.Value,
            ByRows(runs, s => s.Ece)!.Value,
            ByRows(runs, s => s.FlipRate),
            Mean(r => r.Cost?.Seconds) * folds,
            Mean(r => r.Cost?.TokensPerSecond),
            (long?)Mean(r => r.Cost?.PeakMemoryBytes),
            (long?)Mean(r => r.Cost?.TrainableParameters))
        {
            PeakMemoryAboveBaseBytes = (long?)Mean(r => r.Cost?.MeasuredAboveBaseBytes),
        };

        double? Mean(Func<BoardRun, double?> value) => runs.Average(value);
    }

    private static BoardRow OfBaseline(BoardBaseline baseline, IReadOnlyList<BoardPart> parts)
    {
        var all = parts.Select(p => p.Baselines.First(b => b.Id == baseline.Id)).ToList();
        var rows = all.Sum(b => b.Scores.Rows);
        double Mean(Func<Scores, double> value) => all.Sum(b => value(b.Scores) * b.Scores.Rows) / rows;
        var losses = new MethodLosses([LossSketch.Joined([.. all.Select(b => b.Losses.Sketch)])]);
        return new BoardRow(
            baseline.Id, baseline.Name, true, null, [], losses, losses.Average.MeanInterval(), Mean(s => s.Accuracy), Mean(s => s.Ece),
            null, null, null, null, null);
    }

    private bool Matches(BoardRow row)
        => query.Filter is null || Matches(string.Join(' ', row.Runs.Select(r => TextOf(r.Settings, r.Notes.Tags, r.Spec, r.Notes.Note))));

    private bool Matches(string text)
        => query.Filter is null || query.Filter.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(word =>
            text.Contains(word, StringComparison.OrdinalIgnoreCase));

    // What the filter looks at.
    private string TextOf(MethodSettings settings, IReadOnlyList<string> tags, RunSpec spec, string? note) => string.Join(
        ' ', [
            settings.Variant, VariantName(settings.Variant), settings.Model, settings.Text(), .. tags.Select(t => "#" + t), spec.Name,
            spec.Run, spec.Owner, note]);

    // A method is called by its variant and what tells it from the others that are shown.
    private IEnumerable<BoardRow> Named(List<BoardRow> rows)
    {
        var models = rows.Select(r => r.Model).Distinct(StringComparer.Ordinal).Count() > 1;
        var data = rows.Select(r => r.Settings!.TrainData).Distinct(StringComparer.Ordinal).Count() > 1;
        var changed = rows.GroupBy(r => r.Model, StringComparer.Ordinal)
            .Where(m => m.Select(r => r.Settings!.Weights).Distinct(StringComparer.Ordinal).Count() > 1)
            .Select(m => m.Key)
            .ToHashSet(StringComparer.Ordinal);
        var differing = rows.SelectMany(r => r.Settings!.Values.Select(v => v.Key)).Distinct(StringComparer.Ordinal)
            .Where(name => rows.GroupBy(r => r.Variant, StringComparer.Ordinal).Any(v => v.Select(r => r.Settings![name]).Distinct(StringComparer.Ordinal).Count() > 1)
                || rows.Where(r => r.Settings![name] is not null).Select(r => r.Settings![name]).Distinct(StringComparer.Ordinal).Count() > 1)
            .ToHashSet(StringComparer.Ordinal);
        return rows.Select(row => query.ByRun && row.Runs.Count == 1 ? row : row with
        {
            Name = string.Join(' ', Parts(row).Where(t => t.Length > 0)),
        });

        IEnumerable<string> Parts(BoardRow row) =>
        [
            .. row.Name.Length > 0 ? [row.Name] : new[] { VariantName(row.Variant!), row.Settings!.Text(differing.Contains), models ? "on " + row.Model : "" },
            changed.Contains(row.Model) ? $"(weights {Short(row.Settings!.Weights)})" : "",
            data ? $"(train.csv {Short(row.Settings!.TrainData)})" : "",
            row.Name.Length == 0 && query.ByRun ? FormattableString.Invariant($"seed {row.Runs[0].Spec.Training.Seed}") : "",
        ];
    }

    // As much of a hash as people compare.
    private static string Short(string sha256) => sha256[..Math.Min(8, sha256.Length)];

    private BoardRow ReferenceOf(List<BoardRow> rows)
        => rows.FirstOrDefault(r => r.Id == query.Reference)
            ?? rows.FirstOrDefault(r => query.Reference is { } id && r.Runs.Any(run => run.Spec.Run == id))
            ?? rows.Where(r => r.Variant == "lora" && !IsNullLine(r)).MaxBy(r => (Math.Min(r.Seeds, BoardRow.SureSeeds), -r.LogLoss.Value))
            ?? rows[0];

    // In a trial's own board the null line is a line to read chance from. The better of two LoRAs as reference would make every method look worse.
    private bool IsNullLine(BoardRow row)
        => query.Trial is not null && row.Runs.All(run => run.Spec.Trial?.Method.EndsWith(ResolvedMethod.OtherSeeds, StringComparison.Ordinal) == true);

    private List<BoardRow> Compared(List<BoardRow> rows, BoardRow reference)
    {
        var compared = new MethodComparison?[rows.Count];
        var exact = rows.Count(r => !r.IsBaseline) <= Board.MaxFromRows && reference is { IsBaseline: false, Losses.Seeds: 1 };
        var ofReference = exact ? Totals(reference) : null;
        Parallel.For(0, rows.Count, i =>
        {
            var row = rows[i];
            if (row.Id == reference.Id) return;
            var totals = ofReference is not null && row is { IsBaseline: false, Losses.Seeds: 1 } ? Totals(row) : null;
            var p = totals?.Length == ofReference?.Length && totals is not null
                ? SignFlipTest.P([.. totals.Zip(ofReference!, (a, b) => a - b)])
                : (double?)null;
            compared[i] = MethodComparison.Of(row.Losses, reference.Losses, p);
        });

        // Baselines are a yardstick, no findings: they are not in the family, and have the p of their own comparison.
        var family = Enumerable.Range(0, rows.Count).Where(i => compared[i] is not null && !rows[i].IsBaseline).ToList();
        var adjusted = family.Zip(Holm.Adjust([.. family.Select(i => compared[i]!.P)])).ToDictionary(x => x.First, x => x.Second);
        return [.. rows.Select((row, i) =>
            row with { Against = compared[i], PAdjusted = compared[i] is { } c ? adjusted.TryGetValue(i, out var p) ? p : c.P : null })];
    }

    private double[]? Totals(BoardRow row)
    {
        var parts = row.Runs.Select(readTotals).ToList();
        return parts.Any(p => p is null) ? null : [.. parts.SelectMany(p => p!)];
    }

    private static List<BoardRow> Ranked(List<BoardRow> rows)
    {
        var compared = rows.Where(r => !r.IsBaseline).ToList();
        if (compared.Count is 0 or > Board.MaxRanked) return rows;
        var ranks = compared.Zip(RankInterval.Of([.. compared.Select(r => r.Losses)])).ToDictionary(x => x.First.Id, x => x.Second, StringComparer.Ordinal);
        return [.. rows.Select(r => r.IsBaseline ? r : r with { Rank = ranks[r.Id] })];
    }

    private List<BoardRow> Sorted(List<BoardRow> rows)
    {
        var column = BoardColumns.Find(query.Sort ?? BoardColumns.LogLoss)!;
        var ordered = query.Descending
            ? rows.OrderBy(r => column.Value(r) is null).ThenByDescending(column.Value)
            : rows.OrderBy(r => column.Value(r) is null).ThenBy(column.Value);
        return [.. ordered.ThenBy(r => r.LogLoss.Value).ThenBy(r => r.Id, StringComparer.Ordinal)];
    }

    private string VariantName(string id) => worker?.Variants.FirstOrDefault(v => v.Id == id)?.Name ?? id;

    private static string MethodId(string key) => "m" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 6));
}

using System.Collections.Concurrent;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Predictions;
using LoraArena.Data.Splits;

namespace LoraArena.Data.Boards;

/// <summary>
/// Reads boards from the folders of runs. A run that has succeeded does not change any more, so what the board needs of it is read once and
/// kept: 32 KB of losses, its spec, its result. Where a run has no losses.bin yet, as those of earlier versions, it is made of its predictions.
/// </summary>
/// <param name="arena">The arena.</param>
/// <param name="library">Its competitions.</param>
public sealed class BoardReader(ArenaFolder arena, CompetitionLibrary library)
{
    /// <summary>Runs that are kept; each takes about 40 KB.</summary>
    private const int MaxKept = 5000;

    private readonly ConcurrentDictionary<string, (DateTime Stamp, FailedRun Run)> _failed = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Kept> _runs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (IReadOnlyList<BoardBaseline> Found, string? Refusal)> _baselines = new(StringComparer.Ordinal);

    /// <summary>The board that a query asks for.</summary>
    /// <param name="competition">The competition, with training data.</param>
    /// <param name="query">The view.</param>
    /// <param name="succeeded">Ids of the runs that have succeeded on a split and fold.</param>
    /// <param name="failed">Ids of the runs that have ended there without success; null leaves them out.</param>
    /// <param name="worker">Names and defaults; null where the worker cannot be asked.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="CompetitionException">There is no training data, or no such split.</exception>
    /// <exception cref="SplitException">The split has no such fold.</exception>
    public Board Read(
        Competition competition,
        BoardQuery query,
        Func<SplitReference, IReadOnlyList<string>> succeeded,
        Func<SplitReference, IReadOnlyList<string>>? failed,
        WorkerDescription? worker,
        CancellationToken cancellation = default)
    {
        var damaged = new ConcurrentBag<ExcludedRun>();
        var parts = PartsOf(competition, query).Select(part => new BoardPart(Runs(succeeded(part), worker, damaged, cancellation), Baselines(competition, part, cancellation))
        {
            Failed = Each(failed?.Invoke(part) ?? [], id => Failed(id, worker), damaged, cancellation),
        }).ToList();
        var board = new BoardBuilder(query, worker, run => LossTable.TryReadRows(arena.Run(run.Spec.Run).Losses)?.Sums.Totals).Build(parts);
        return damaged.IsEmpty ? board : board with { Excluded = [.. board.Excluded, .. damaged.OrderBy(r => r.Run, StringComparer.Ordinal)] };
    }

    /// <summary>The sets of rows that a query takes together: one, or one a fold.</summary>
    /// <exception cref="CompetitionException">There is no training data, or no such split.</exception>
    public IReadOnlyList<SplitReference> PartsOf(Competition competition, BoardQuery query)
    {
        var id = query.Split
            ?? competition.DefaultSplit
            ?? throw new CompetitionException($"Competition '{competition.Name}' has no training data yet; import its train.csv first.");
        var split = library.ReadSummary(competition.Id, id);
        var folds = split.FoldNumbers;
        if (query.Fold is { } fold && fold != BoardQuery.AllFolds && !folds.Contains(fold))
        {
            throw new SplitException(FormattableString.Invariant($"split '{split.Name}' has no fold {fold}"));
        }

        return [.. (folds is [null] || query.Fold is null or BoardQuery.AllFolds ? folds : [query.Fold]).Select(f => new SplitReference(id, split.Name, f))];
    }

    /// <summary>What the board knows of runs that have succeeded.</summary>
    public IReadOnlyList<BoardRun> Runs(
        IReadOnlyList<string> ids, WorkerDescription? worker, ConcurrentBag<ExcludedRun> damaged, CancellationToken cancellation)
    {
        if (_runs.Count > MaxKept) _runs.Clear();
        return Each(ids, id => Run(id, worker), damaged, cancellation);
    }

    private static IReadOnlyList<T> Each<T>(
        IReadOnlyList<string> ids, Func<string, T> read, ConcurrentBag<ExcludedRun> damaged, CancellationToken cancellation) where T : class
    {
        var runs = new T?[ids.Count];
        Parallel.For(0, ids.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            try
            {
                runs[i] = read(ids[i]);
            }
            catch (Exception error) when (error is JsonFileException or IOException or UnauthorizedAccessException or Csv.CsvRefusedException or ArgumentException)
            {
                damaged.Add(new ExcludedRun(ids[i], ids[i], "Its files cannot be read: " + error.Message));
            }
        });
        return [.. runs.OfType<T>()];
    }

    /// <summary>Writes what people say about a run.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string runId, RunNotes notes) => AtomicFile.WriteJson(arena.Run(runId).Notes, notes);

    /// <summary>What people say about a run.</summary>
    public RunNotes ReadNotes(string runId) => JsonFile.TryRead<RunNotes>(arena.Run(runId).Notes) ?? RunNotes.Empty;

    private BoardRun Run(string id, WorkerDescription? worker)
    {
        var folder = arena.Run(id);

        // A result that was written anew is a run that was resumed: its stamp tells. Notes change at any time.
        var stamp = (File.GetLastWriteTimeUtc(folder.Result), File.GetLastWriteTimeUtc(folder.Notes), worker?.Version);
        if (_runs.TryGetValue(id, out var kept) && kept.Stamp == stamp) return kept.Run;
        var spec = RunSpec.Read(folder.Spec);
        var result = JsonFile.Read<RunResult>(folder.Result);
        var scores = result.Scores ?? throw new JsonFileException(folder.Result, "there are no scores in it");
        var losses = LossTable.TryRead(folder.Losses) ?? LossTable.Write(folder.Losses, PredictionFile.Read(folder.ValidationPredictions));
        var run = new BoardRun(spec, MethodSettings.Of(spec, worker), scores, result.Cost, losses, ReadNotes(id)) { Flag = result.Flag };
        _runs[id] = new Kept(stamp, run);
        return run;
    }

    private FailedRun Failed(string id, WorkerDescription? worker)
    {
        var folder = arena.Run(id);
        var stamp = File.GetLastWriteTimeUtc(folder.Result);
        if (_failed.TryGetValue(id, out var kept) && kept.Stamp == stamp) return kept.Run;
        if (_failed.Count > MaxKept) _failed.Clear();
        var spec = RunSpec.Read(folder.Spec);
        var run = new FailedRun(spec, MethodSettings.Of(spec, worker), JsonFile.Read<RunResult>(folder.Result));
        _failed[id] = (stamp, run);
        return run;
    }

    private IReadOnlyList<BoardBaseline> Baselines(Competition competition, SplitReference part, CancellationToken cancellation)
    {
        var key = FormattableString.Invariant($"{competition.Id}/{competition.File(FileRole.Train)?.Sha256}/{part.Id}/{part.Fold}");
        if (!_baselines.TryGetValue(key, out var known))
        {
            try
            {
                known = (library.BaselinesOfBoard(competition.Id, part.Id, part.Fold, cancellation), null);
            }
            catch (SplitException error)
            {
                // Found out by reading the training data: another look at the same board need not.
                known = ([], error.Message);
            }

            _baselines[key] = known;
        }

        return known.Refusal is null ? known.Found : throw new SplitException(known.Refusal);
    }

    private sealed record Kept((DateTime Result, DateTime Notes, string? Worker) Stamp, BoardRun Run);
}

using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>Makes the index from the folders: what is in a folder and not in the database is taken in. A folder that is damaged is named and skipped.</summary>
public sealed class RunIndex(ArenaFolder folder, ArenaStore store, ArenaProblems problems, TimeProvider time, ILogger<RunIndex> log) : IDisposable
{
    private const string ProblemKind = "folder:";
    private const int SqliteConstraint = 19;

    // Clocks of file systems are coarse: what was written a moment ago may be written again without a later time.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _oneAtATime = new(1, 1);
    private readonly HashSet<string> _damaged = new(StringComparer.Ordinal);
    private string? _takenIn;

    /// <summary>Takes in what has come since the last look that went well. Cheap where nothing has.</summary>
    public async Task CatchUpIfChangedAsync(CancellationToken cancel)
    {
        await _oneAtATime.WaitAsync(cancel);
        try
        {
            // Looked at before the folders are read: what comes meanwhile is seen by the next look.
            var (seen, newest) = Signature();
            if (seen == _takenIn) return;
            await TakeAllInAsync(cancel);
            _takenIn = time.GetUtcNow().UtcDateTime - newest > Settled ? seen : null;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Takes in competitions, base models and runs that the database does not know.</summary>
    public async Task CatchUpAsync(CancellationToken cancel)
    {
        await _oneAtATime.WaitAsync(cancel);
        try
        {
            await TakeAllInAsync(cancel);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Adds a run to the index, where nobody who looked meanwhile has done it.</summary>
    public async Task AddOnceAsync(RunEntry run, CancellationToken cancel)
    {
        try
        {
            await store.AddAsync(run, cancel);
        }
        catch (DbUpdateException error) when (error.InnerException is SqliteException { SqliteErrorCode: SqliteConstraint })
        {
            log.LogDebug("Run {Run} is in the index already", run.Id);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _oneAtATime.Dispose();

    /// <summary>A new entry for a run, with what its folder tells of it.</summary>
    public RunEntry EntryOf(RunSpec spec, RunFolder run)
    {
        var attempt = run.LastAttempt();
        var entry = new RunEntry
        {
            Id = spec.Run,
            Name = spec.Name,
            CompetitionId = spec.Competition.Id,
            Owner = spec.Owner,
            Model = spec.Model.Name,
            Variant = spec.Variant.Id,
            SplitKey = SplitKey(spec.Split),
            Seed = spec.Training.Seed,

            // With attempts and no result it may be running: the supervisor looks at its lease and decides.
            State = attempt > 0 ? RunState.Running.Name : RunState.Queued.Name,
            CreatedMs = spec.Created.ToUnixTimeMilliseconds(),
            QueuedMs = spec.Created.ToUnixTimeMilliseconds(),
            Attempt = attempt,
        };

        // A result that cannot be read was one: the run is not begun again by itself.
        if (Read<RunResult>(run.Result) is { } result) Apply(entry, result);
        else if (File.Exists(run.Result)) (entry.State, entry.Reason) = (RunState.Failed.Name, "Its result.json is damaged, so what came of it is not known.");
        return entry;
    }

    /// <summary>Writes a result into an entry.</summary>
    public static void Apply(RunEntry entry, RunResult result)
    {
        (entry.State, entry.Reason, entry.EndedMs, entry.Phase) = (result.State.Name, result.Reason, result.Ended.ToUnixTimeMilliseconds(), null);
        entry.Flag = result.Flag?.ToString();
        entry.Step = Math.Max(entry.Step, result.Step);
        if (result.Scores is { } scores)
        {
            (entry.LogLoss, entry.LogLossLow, entry.LogLossHigh, entry.Accuracy, entry.Ece) =
                (scores.LogLoss, scores.LogLossLow, scores.LogLossHigh, scores.Accuracy, scores.Ece);
        }

        if (result.Cost is not { } cost) return;
        (entry.Seconds, entry.TokensPerSecond, entry.PeakMemoryBytes, entry.TrainableParameters) =
            (cost.Seconds, cost.TokensPerSecond, cost.PeakMemoryBytes, cost.TrainableParameters);
    }

    /// <summary>Text that is equal for runs that are scored on the same rows.</summary>
    public static string SplitKey(SplitReference split) => split.Fold is { } fold ? FormattableString.Invariant($"{split.Id}.fold-{fold}") : split.Id;

    private static bool IsNamedById(string path) => ArenaId.IsValid(Path.GetFileName(path));

    private async Task TakeAllInAsync(CancellationToken cancel)
    {
        _damaged.Clear();
        foreach (var path in Directory.EnumerateDirectories(folder.Competitions).Where(IsNamedById).Select(d => Path.Join(d, "competition.json")))
        {
            await TakeInAsync(path, () => Read<Competition>(path) is { } competition ? store.PutAsync(competition, cancel) : Task.CompletedTask);
        }

        foreach (var path in Directory.EnumerateFiles(folder.Models, "*.json"))
        {
            await TakeInAsync(path, () => Read<ModelCard>(path) is { } card ? store.PutAsync(card, cancel) : Task.CompletedTask);
        }

        // A card that has gone was removed: its entry goes too.
        foreach (var card in (await store.ModelsAsync(cancel)).Where(card => !File.Exists(folder.ModelCard(card.Id))))
        {
            await store.RemoveModelAsync(card.Id, cancel);
        }

        var known = await store.RunIdsAsync(cancel);
        foreach (var id in Directory.EnumerateDirectories(folder.Runs).Where(IsNamedById).Select(d => Path.GetFileName(d)!).Where(id => !known.Contains(id)))
        {
            var run = folder.Run(id);
            await TakeInAsync(
                run.Spec,
                () => Read<RunSpec>(run.Spec) is { } spec && spec.Run == id ? AddOnceAsync(EntryOf(spec, run), cancel) : Task.CompletedTask);
        }

        await ForgetAsync(known, cancel);
        problems.ClearOthers(ProblemKind, _damaged);
    }

    // What a deletion that was interrupted has left in the index. What is read from it was read before the folders were looked at, and a
    // run's folder is there before its entry.
    private async Task ForgetAsync(IReadOnlySet<string> known, CancellationToken cancel)
    {
        foreach (var id in known.Where(id => !Directory.Exists(folder.Run(id).Path))) await store.RemoveRunAsync(id, cancel);
        foreach (var competition in (await store.CompetitionsAsync(cancel)).Where(c => !Directory.Exists(folder.Competition(c.Id))))
        {
            await store.RemoveCompetitionAsync(competition.Id, cancel);
        }
    }

    // A folder's time changes when something comes into it or goes; a competition's file when it is written again.
    private (string Text, DateTime Newest) Signature()
    {
        var times = new[] { folder.Runs, folder.Models, folder.Competitions }
            .Concat(Directory.EnumerateDirectories(folder.Competitions)
                .Where(IsNamedById)
                .Order(StringComparer.Ordinal)
                .Select(d => Path.Join(d, "competition.json")))
            .Select(File.GetLastWriteTimeUtc).ToList();
        return (string.Join(' ', times.Select(t => t.Ticks)), times.Max());
    }

    // What is wrong with one folder, or with its name in the index, keeps none of the others out.
    private async Task TakeInAsync(string path, Func<Task> takeIn)
    {
        try
        {
            await takeIn();
        }
        catch (Exception error) when (error is DbUpdateException or SqliteException { SqliteErrorCode: SqliteConstraint } or UnauthorizedAccessException)
        {
            Report(path, $"{path} cannot be taken into the index: {error.GetBaseException().Message}");
        }
    }

    private T? Read<T>(string path) where T : class
    {
        try
        {
            return JsonFile.TryRead<T>(path);
        }
        catch (JsonFileException error)
        {
            Report(path, error.Message);
            return null;
        }
    }

    private void Report(string path, string sentence)
    {
        _damaged.Add(ProblemKind + path);
        if (problems.Report(ProblemKind + path, sentence)) log.LogError("{Reason}", sentence);
    }
}

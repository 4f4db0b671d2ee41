using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>Makes the index from the folders: what is in a folder and not in the database is taken in.</summary>
public sealed class RunIndex(ArenaFolder folder, ArenaStore store, ILogger<RunIndex> log)
{
    /// <summary>Takes in competitions, base models and runs that the database does not know. Called at start, by the holder of the lock.</summary>
    public async Task CatchUpAsync(CancellationToken cancel)
    {
        foreach (var path in Directory.EnumerateDirectories(folder.Competitions).Select(d => Path.Join(d, "competition.json")))
        {
            if (Read<Competition>(path) is { } competition) await store.PutAsync(competition, cancel);
        }

        foreach (var path in Directory.EnumerateFiles(folder.Models, "*.json"))
        {
            if (Read<ModelCard>(path) is { } card) await store.PutAsync(card, cancel);
        }

        var known = await store.RunIdsAsync(cancel);
        foreach (var id in Directory.EnumerateDirectories(folder.Runs).Select(Path.GetFileName).Where(id => ArenaId.IsValid(id!) && !known.Contains(id!)))
        {
            var run = folder.Run(id!);
            if (Read<RunSpec>(run.Spec) is { } spec) await store.AddAsync(EntryOf(spec, run), cancel);
        }
    }

    /// <summary>A new entry for a run, with what its folder tells of it.</summary>
    public static RunEntry EntryOf(RunSpec spec, RunFolder run)
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
        if (RunFile.TryRead<RunResult>(run.Result) is { } result) Apply(entry, result);
        return entry;
    }

    /// <summary>Writes a result into an entry.</summary>
    public static void Apply(RunEntry entry, RunResult result)
    {
        (entry.State, entry.Reason, entry.EndedMs, entry.Phase) = (result.State.Name, result.Reason, result.Ended.ToUnixTimeMilliseconds(), null);
        entry.Step = Math.Max(entry.Step, result.Step);
        if (result.Scores is { } scores) (entry.LogLoss, entry.LogLossLow, entry.LogLossHigh, entry.Accuracy, entry.Ece) = (scores.LogLoss, scores.LogLossLow, scores.LogLossHigh, scores.Accuracy, scores.Ece);
        if (result.Cost is not { } cost) return;
        (entry.Seconds, entry.TokensPerSecond, entry.PeakMemoryBytes, entry.TrainableParameters) = (cost.Seconds, cost.TokensPerSecond, cost.PeakMemoryBytes, cost.TrainableParameters);
    }

    /// <summary>Text that is equal for runs that are scored on the same rows.</summary>
    public static string SplitKey(SplitReference split) => split.Fold is { } fold ? FormattableString.Invariant($"{split.Id}.fold-{fold}") : split.Id;

    private T? Read<T>(string path) where T : class
    {
        try
        {
            return RunFile.TryRead<T>(path);
        }
        catch (RunFileException error)
        {
            log.LogError("{Reason}", error.Message);
            return null;
        }
    }
}

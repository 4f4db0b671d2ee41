using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Runs.Following;
using LoraArena.Runs.Launching;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>
/// Keeps the arena's runs going: looks at each active one, writes down what became of it, begins the next attempt of an interrupted one,
/// and starts what waits. Only the holder of the <see cref="SupervisorLock"/> may call it.
/// </summary>
public sealed class RunSupervisor(
    ArenaFolder folder, ArenaStore store, RunFollower follower, RunStarter starter, RunSettings settings, ArenaProblems problems,
    TimeProvider time, ILogger<RunSupervisor> log)
{
    private const string ProblemKind = "run:";
    private const string DiskKey = "disk";
    private const string WaitsForSpace = "waits for space on the disk";
    private readonly Dictionary<string, long> _lastShown = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ended = new(StringComparer.Ordinal);

    /// <summary>One look at everything: what became of the active runs, then what waits is started.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        await ObserveAllAsync(cancel);
        await StartWaitingAsync(cancel);
    }

    /// <summary>
    /// Writes down what became of the active runs, and starts nothing. A run whose folder is damaged does not keep the others from being
    /// supervised.
    /// </summary>
    public async Task ObserveAllAsync(CancellationToken cancel)
    {
        var active = await store.ActiveAsync(cancel);
        foreach (var run in active) await TryAsync(run, () => ObserveAsync(run, cancel));
        problems.ClearOthers(ProblemKind, [.. active.Select(r => ProblemKind + r.Id)]);
    }

    private async Task<bool> TryAsync(RunEntry run, Func<Task> act)
    {
        try
        {
            await act();
            problems.Clear(ProblemKind + run.Id);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonFileException)
        {
            if (problems.Report(ProblemKind + run.Id, $"Run {run.Id} ({run.Name}) cannot be supervised: {error.Message}"))
            {
                log.LogError(error, "Run {Run} cannot be supervised", run.Id);
            }

            return false;
        }
    }

    private async Task ObserveAsync(RunEntry run, CancellationToken cancel)
    {
        var runFolder = folder.Run(run.Id);
        var now = time.GetUtcNow();
        var seen = RunObservation.Of(runFolder, run, now);
        var requestedAt = seen.Request is null ? (DateTimeOffset?)null : File.GetLastWriteTimeUtc(runFolder.Request);
        var began = DateTimeOffset.FromUnixTimeMilliseconds(run.AttemptMs ?? run.QueuedMs);
        switch (Reconciler.Decide(RunState.Parse(run.State), seen, began, requestedAt, now))
        {
            case Decision.Ended ended:
                await EndAsync(run, runFolder, ended.Result, cancel);
                break;
            case Decision.Running running:
                await ShowProgressAsync(run, seen.Lease!, running.Phase, cancel);
                break;
            case Decision.Died died:
                await InterruptAsync(run, runFolder, died.Reason, cancel);
                break;
            case Decision.Stop stop:
                var reason = _ended.Remove(run.Id) ? "Stopped on request: its worker did not stop by itself and was ended." : stop.Reason;
                await FinishAsync(run, runFolder, RunState.Stopped, reason, cancel);
                break;
            case Decision.Kill:
                log.LogWarning("Run {Run} did not stop when it was asked to; its worker is ended", run.Id);
                if ((seen.Lease ?? RunObservation.StartedAs(run)) is { } lease && WorkerProcess.Kill(runFolder, lease)) _ended.Add(run.Id);
                break;
        }
    }

    // The result goes into the folder, which is the truth, and then into the index.
    private Task FinishAsync(RunEntry run, RunFolder runFolder, RunState state, string reason, CancellationToken cancel)
    {
        var result = new RunResult(state, run.Attempt, time.GetUtcNow(), reason, run.Step, null, null);
        result.Write(runFolder);
        return EndAsync(run, runFolder, result, cancel);
    }

    private async Task EndAsync(RunEntry run, RunFolder runFolder, RunResult result, CancellationToken cancel)
    {
        var ended = await store.TryUpdateAsync(run, r => RunIndex.Apply(r, result), cancel);
        if (ended) log.LogInformation("Run {Run} {State}: {Reason}", run.Id, result.State, result.Reason);
        if (result.State == RunState.Succeeded) FinishedRun.RemoveCheckpoints(runFolder);
    }

    private async Task ShowProgressAsync(RunEntry run, RunLease lease, string? lostPhase, CancellationToken cancel)
    {
        var progress = follower.Poll(run.Id);
        var phase = lostPhase ?? progress.Phase;
        var step = progress.LastStep?.Step ?? 0;
        var steps = progress.Plan?.Steps ?? 0;
        if (run.State == RunState.Running.Name && run.Phase == phase && run.Steps == steps && run.Pid == lease.Pid && !Due(run, step)) return;
        await store.TryUpdateAsync(
            run,
            r =>
            {
                (r.State, r.Phase, r.Step, r.Steps) = (RunState.Running.Name, phase, step, steps);
                (r.Host, r.Pid, r.ProcessStarted, r.BootId) = (lease.Host, lease.Pid, lease.ProcessStarted, lease.BootId);
                r.TokensPerSecond = progress.LastStep?.TokensPerSecond;
                r.TrainableParameters = progress.Plan?.TrainableParameters;
            },
            cancel);
        _lastShown[run.Id] = time.GetTimestamp();
    }

    // Few commits a second, however fast the steps come.
    private bool Due(RunEntry run, long step)
        => run.Step != step && (!_lastShown.TryGetValue(run.Id, out var shown) || time.GetElapsedTime(shown) > TimeSpan.FromSeconds(2));

    private async Task InterruptAsync(RunEntry run, RunFolder runFolder, string reason, CancellationToken cancel)
    {
        var checkpoint = runFolder.CheckpointSteps() is [var newest, ..] ? newest : 0;
        var without = checkpoint > run.CheckpointStep ? 0 : run.AttemptsWithoutProgress + 1;
        log.LogWarning("Run {Run}, attempt {Attempt}: {Reason}", run.Id, run.Attempt, reason);
        if (without >= settings.MaxAttemptsWithoutProgress)
        {
            var full = $"{reason} That was attempt {run.Attempt}, and the last {without} made no progress; log.txt may say why.";
            await FinishAsync(run, runFolder, RunState.Failed, full, cancel);
            return;
        }

        await store.TryUpdateAsync(
            run,
            r => (r.State, r.Reason, r.CheckpointStep, r.AttemptsWithoutProgress) = (RunState.Interrupted.Name, reason, checkpoint, without),
            cancel);
    }

    private async Task StartWaitingAsync(CancellationToken cancel)
    {
        var active = await store.ActiveAsync(cancel);

        // Interrupted runs keep their place before all that wait.
        List<RunEntry> waiting = [.. active.Where(r => r.State == RunState.Interrupted.Name), .. await store.QueuedAsync(cancel)];
        if (!await HasSpaceAsync(waiting, cancel)) return;

        // A run of which nobody knows whether it still goes, somewhere else, keeps nobody here waiting.
        List<RunEntry> going = [.. active.Where(r => RunState.Parse(r.State).IsActive && r.Phase != Reconciler.LostContact)];
        foreach (var run in waiting.Take(Math.Max(0, settings.MaxRunning - going.Count)))
        {
            await TryAsync(run, async () =>
            {
                if (await starter.StartAsync(run, going, cancel) is { } begun) going.Add(begun);
            });
        }
    }

    // On a full disk nothing is started, and that is said where people look: at the runs that wait, and among the arena's problems.
    private async Task<bool> HasSpaceAsync(List<RunEntry> waiting, CancellationToken cancel)
    {
        var free = DiskSpace.Free(folder.Root);
        var enough = free >= settings.FreeSpaceFloor;
        if (enough || waiting.Count == 0) problems.Clear(DiskKey);
        else
        {
            var sentence = $"The disk of {folder.Root} is nearly full: {DiskSpace.Words(free)} are free, and no run is started with less than {DiskSpace.Words(settings.FreeSpaceFloor)}. "
                + $"Free some space; what waits then starts by itself.";
            if (problems.Report(DiskKey, sentence)) log.LogError("{Problem}", sentence);
        }

        var phase = enough ? null : WaitsForSpace;
        foreach (var run in waiting.Where(r => r.Phase != phase && (!enough || r.Phase == WaitsForSpace)))
        {
            await store.TryUpdateAsync(run, r => r.Phase = phase, cancel);
        }

        return enough;
    }
}

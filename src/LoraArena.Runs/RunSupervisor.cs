using LoraArena.Core.Files;
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
public sealed class RunSupervisor(ArenaFolder folder, ArenaStore store, RunFollower follower, LocalLauncher launcher, RunSettings settings, TimeProvider time, ILogger<RunSupervisor> log)
{
    private readonly Dictionary<string, long> _lastShown = new(StringComparer.Ordinal);

    /// <summary>One look at everything: what became of the active runs, then what waits is started.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        await LookAfterAllAsync(cancel);
        await StartWaitingAsync(cancel);
    }

    /// <summary>Writes down what became of the active runs, and starts nothing. A run whose folder is damaged does not keep the others from being looked after.</summary>
    public async Task LookAfterAllAsync(CancellationToken cancel)
    {
        foreach (var run in await store.ActiveAsync(cancel))
        {
            try
            {
                await LookAfterAsync(run, cancel);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or RunFileException)
            {
                log.LogError(error, "Run {Run} cannot be looked after", run.Id);
            }
        }
    }

    private async Task LookAfterAsync(RunEntry run, CancellationToken cancel)
    {
        var runFolder = folder.Run(run.Id);
        var signs = RunSignsReader.Read(runFolder, run);
        var requestedAt = signs.Request is null ? (DateTimeOffset?)null : File.GetLastWriteTimeUtc(runFolder.Request);
        var verdict = Reconciler.Decide(RunState.Parse(run.State), signs, Time(run.AttemptMs ?? run.QueuedMs), requestedAt, time.GetUtcNow());
        switch (verdict)
        {
            case Verdict.Ended ended:
                await EndAsync(run, ended.Result, cancel);
                break;
            case Verdict.Runs runs:
                await ShowProgressAsync(run, signs.Lease!, runs.Phase, cancel);
                break;
            case Verdict.Died died:
                await InterruptAsync(run, runFolder, died.Reason, cancel);
                break;
            case Verdict.StopNow:
                new RunResult(RunState.Stopped, run.Attempt, time.GetUtcNow(), "Stopped on request.", run.Step, null, null).Write(runFolder);
                break;
            case Verdict.Kill:
                log.LogWarning("Run {Run} did not stop when it was asked to; its worker is ended", run.Id);
                if (signs.Lease is { } lease) LocalLauncher.Kill(lease.Pid, lease.ProcessStarted);
                break;
        }
    }

    private async Task EndAsync(RunEntry run, RunResult result, CancellationToken cancel)
    {
        var ended = await store.TryUpdateAsync(run, r => RunIndex.Apply(r, result), cancel);
        if (ended) log.LogInformation("Run {Run} {State}: {Reason}", run.Id, result.State, result.Reason);
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
                (r.Host, r.Pid, r.ProcessStarted) = (lease.Host, lease.Pid, lease.ProcessStarted);
                r.TokensPerSecond = progress.LastStep?.TokensPerSecond;
                r.TrainableParameters = progress.Plan?.TrainableParameters;
            },
            cancel);
        _lastShown[run.Id] = time.GetTimestamp();
    }

    // Few commits a second, however fast the steps come.
    private bool Due(RunEntry run, long step) => run.Step != step && (!_lastShown.TryGetValue(run.Id, out var shown) || time.GetElapsedTime(shown) > TimeSpan.FromSeconds(2));

    private async Task InterruptAsync(RunEntry run, RunFolder runFolder, string reason, CancellationToken cancel)
    {
        var checkpoint = runFolder.CheckpointSteps() is [var newest, ..] ? newest : 0;
        var fruitless = checkpoint > run.CheckpointStep ? 0 : run.FruitlessAttempts + 1;
        log.LogWarning("Run {Run}, attempt {Attempt}: {Reason}", run.Id, run.Attempt, reason);
        if (fruitless >= settings.MaxFruitlessAttempts)
        {
            new RunResult(RunState.Failed, run.Attempt, time.GetUtcNow(), $"{reason} That was attempt {run.Attempt}, and the last {fruitless} made no progress; log.txt may say why.", run.Step, null, null).Write(runFolder);
            return;
        }

        await store.TryUpdateAsync(run, r => (r.State, r.Reason, r.CheckpointStep, r.FruitlessAttempts) = (RunState.Interrupted.Name, reason, checkpoint, fruitless), cancel);
    }

    private async Task StartWaitingAsync(CancellationToken cancel)
    {
        var active = await store.ActiveAsync(cancel);
        var free = settings.MaxRunning - active.Count(r => RunState.Parse(r.State).IsActive);
        if (free <= 0) return;

        // Interrupted runs keep their place before all that wait.
        var waiting = active.Where(r => r.State == RunState.Interrupted.Name).Concat(await store.QueuedAsync(cancel));
        foreach (var run in waiting.Take(free))
        {
            if (new DriveInfo(folder.Root).AvailableFreeSpace < settings.FreeSpaceFloor)
            {
                log.LogError("The disk of {Folder} is nearly full; no run is started", folder.Root);
                return;
            }

            await StartAsync(run, cancel);
        }
    }

    private async Task StartAsync(RunEntry run, CancellationToken cancel)
    {
        // The intent is written first: if this process dies now, the run is found starting without a worker, and begun again.
        if (!await store.TryBeginAttemptAsync(run, time.GetUtcNow().ToUnixTimeMilliseconds(), cancel)) return;
        var begun = (await store.RunAsync(run.Id, cancel))!;
        try
        {
            var handle = launcher.Start(folder.Run(run.Id), begun.Attempt);
            await store.TryUpdateAsync(begun, r => (r.Host, r.Pid, r.ProcessStarted) = (handle.Host, handle.Pid, handle.ProcessStarted), cancel);
            log.LogInformation("Run {Run}, attempt {Attempt}: worker {Pid} started", run.Id, begun.Attempt, handle.Pid);
        }
        catch (WorkerException error)
        {
            new RunResult(RunState.Failed, begun.Attempt, time.GetUtcNow(), error.Message, run.Step, null, null).Write(folder.Run(run.Id));
        }
    }

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}

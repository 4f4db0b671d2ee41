using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Runs;
using LoraArena.Runs.Following;
using LoraArena.Storage.Entities;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Cli.Running;

/// <summary>Follows a run to its end, or only starts it. What happens to this process does not happen to the run.</summary>
internal sealed class RunWatch(ArenaServices arena, Output output)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TakenWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BecomeSupervisorWithin = TimeSpan.FromSeconds(30);

    /// <summary>Follows a run to its end and answers how it ended; supervises meanwhile where nobody else does.</summary>
    /// <returns>Done where it succeeded, failed where it failed; interrupted where it was stopped or this command was interrupted.</returns>
    public async Task<int> FollowAsync(string runId, CancellationToken cancel)
    {
        using var supervision = arena.Supervision(SupervisorKind.Watch);
        try
        {
            var run = await Progress.ShowAsync($"Run {runId} …", progress => ToEndAsync(runId, supervision, new RunReporter(progress), cancel));
            Answer(run);
            if (run.State == RunState.Succeeded.Name) return Exit.Done;
            Output.Say($"Run {run.Id} {run.State}: {run.Reason}");
            return run.State == RunState.Stopped.Name ? Exit.Interrupted : Exit.Failed;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            var run = await StateAsync(runId, CancellationToken.None);
            Answer(run);
            Output.Say($"The run is left as it is: {run.State}. 'arena watch {run.Id}' goes on watching, 'arena stop {run.Id}' stops it.");
            return Exit.Interrupted;
        }
    }

    /// <summary>Starts a run's worker if its turn has come, and answers without waiting for more.</summary>
    public async Task<int> StartAndReturnAsync(string runId, CancellationToken cancel)
    {
        using var supervision = arena.Supervision(SupervisorKind.Command);
        var began = TimeProvider.System.GetTimestamp();
        RunEntry run;
        while (true)
        {
            await supervision.PassAsync(cancel);
            run = await StateAsync(runId, cancel);

            if (run.State != RunState.Queued.Name || supervision.Holds) break;

            // Another command may hold the lock for a moment; a server, or one that follows a run, holds it longer and takes the run in its turn.
            var lasting = SupervisorLock.Holder(arena.Folder) is { Kind: not SupervisorKind.Command };
            if (TimeProvider.System.GetElapsedTime(began) > (lasting ? TakenWithin : BecomeSupervisorWithin)) break;
            await Task.Delay(Every, TimeProvider.System, cancel);
        }

        Answer(run);
        if (run.State == RunState.Queued.Name)
        {
            var why = run.Phase ?? "other runs are before it";
            Output.Say(supervision.Holds
                ? $"The run waits ({why}), and nothing supervises the queue when this command has ended: 'arena watch {run.Id}' or 'arena serve' does."
                : $"The run waits ({why}); the process that supervises the queue starts it in its turn.");
        }

        return Exit.Done;
    }

    // A run that waits can be deleted while it is watched.
    private async Task<RunEntry> StateAsync(string runId, CancellationToken cancel)
        => await arena.Store.RunAsync(runId, cancel) ?? throw new RefusedException($"Run {runId} has been deleted.");

    private async Task<RunEntry> ToEndAsync(string runId, Supervision supervision, RunReporter reporter, CancellationToken cancel)
    {
        string? trouble = null;
        while (true)
        {
            var pause = Every;
            try
            {
                await supervision.PassAsync(cancel);
                var run = await StateAsync(runId, cancel);

                // The journal is read after the state, so that nothing is missing when the run has ended.
                reporter.Report(run, arena.Get<RunFollower>().Poll(runId));
                trouble = null;
                if (RunState.Parse(run.State).IsFinal) return run;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or SqliteException or DbUpdateException)
            {
                // A full disk or a locked database passes. It is said once, not at every look.
                var reason = ErrorMap.Explain(error).Reason;
                if (reason != trouble) Output.Say(reason);
                trouble = reason;
                pause = AfterTrouble;
            }

            await Task.Delay(pause, TimeProvider.System, cancel);
        }
    }

    private void Answer(RunEntry run) => output.Answer(RunAnswer.Of(run), text => RunAnswer.Print(text, run));
}

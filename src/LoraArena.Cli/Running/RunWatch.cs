using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Runs.Following;
using LoraArena.Storage.Entities;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Cli.Running;

/// <summary>Follows a run to its end, or only sees it off. What happens to this process does not happen to the run.</summary>
internal sealed class RunWatch(ArenaServices arena, Output output)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BecomeSupervisorWithin = TimeSpan.FromSeconds(5);

    /// <summary>Follows a run to its end and answers how it ended; supervises meanwhile where nobody else does.</summary>
    /// <returns>Done where it succeeded, failed otherwise; interrupted where this command was.</returns>
    public async Task<int> FollowAsync(string runId, CancellationToken cancel)
    {
        using var supervision = new Supervision(arena);
        try
        {
            var run = await Progress.ShowAsync($"Run {runId} …", progress => ToEndAsync(runId, supervision, new RunReporter(progress), cancel));
            Answer(run);
            if (run.State == RunState.Succeeded.Name) return Exit.Done;
            Output.Say($"Run {run.Id} {run.State}: {run.Reason}");
            return Exit.Failed;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            var run = (await arena.Store.RunAsync(runId, CancellationToken.None))!;
            Answer(run);
            Output.Say($"The run is left as it is: {run.State}. 'arena watch {run.Id}' goes on watching, 'arena stop {run.Id}' stops it.");
            return Exit.Interrupted;
        }
    }

    /// <summary>Starts a run's worker if its turn has come, and answers without waiting for more.</summary>
    public async Task<int> SeeOffAsync(string runId, CancellationToken cancel)
    {
        using var supervision = new Supervision(arena);
        var began = TimeProvider.System.GetTimestamp();
        RunEntry run;
        while (true)
        {
            await supervision.PassAsync(cancel);
            run = (await arena.Store.RunAsync(runId, cancel))!;

            // Another command may hold the lock for a moment; a server holds it for good and takes the run by itself.
            if (run.State != RunState.Queued.Name || supervision.Holds || TimeProvider.System.GetElapsedTime(began) > BecomeSupervisorWithin) break;
            await Task.Delay(Every, TimeProvider.System, cancel);
        }

        Answer(run);
        if (run.State == RunState.Queued.Name)
        {
            Output.Say(supervision.Holds
                ? $"Other runs are before it, and nobody looks after the queue when this command has ended: 'arena watch {run.Id}' or 'arena serve' does."
                : "Other runs are before it; the process that looks after the queue starts it in its turn.");
        }

        return Exit.Done;
    }

    private async Task<RunEntry> ToEndAsync(string runId, Supervision supervision, RunReporter reporter, CancellationToken cancel)
    {
        while (true)
        {
            var pause = Every;
            try
            {
                await supervision.PassAsync(cancel);
                var run = (await arena.Store.RunAsync(runId, cancel))!;

                // The journal is read after the state, so that nothing is missing when the run has ended.
                reporter.Tell(run, arena.Get<RunFollower>().Poll(runId));
                if (RunState.Parse(run.State).IsFinal) return run;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or SqliteException or DbUpdateException)
            {
                // A full disk or a locked database passes.
                Output.Say(ErrorMap.Explain(error).Reason);
                pause = AfterTrouble;
            }

            await Task.Delay(pause, TimeProvider.System, cancel);
        }
    }

    private void Answer(RunEntry run) => output.Answer(RunAnswer.Of(run), text => RunAnswer.Print(text, run));
}

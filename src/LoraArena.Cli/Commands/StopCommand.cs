using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Runs;
using LoraArena.Runs.Trials;

namespace LoraArena.Cli.Commands;

/// <summary><c>stop</c>: asks a run to stop, or ends a trial.</summary>
internal static class StopCommand
{
    public static Command Create()
    {
        var run = WatchCommand.RunOrTrial();
        var now = new Option<bool>("--now") { Description = "At the next step; what came after the last checkpoint is lost. By default it writes a checkpoint first." };
        var command = new Command(
            "stop",
            "Asks a run to stop; it can be resumed. A trial is cancelled: its runs are stopped, and no more are started.") { run, now };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var (found, trial) = await arena.RunOrTrialAsync(parse.GetRequiredValue(run), cancel);
            if (found is not { } entry) return await CancelAsync(arena, trial!.Id, Output.Of(parse), cancel);
            await arena.Get<RunService>().StopAsync(entry.Id, parse.GetValue(now) ? StopWhen.Now : StopWhen.AfterCheckpoint, cancel);

            // A run that no worker is running is stopped by looking at it.
            await arena.CatchUpAsync(cancel);
            entry = (await arena.Store.RunAsync(entry.Id, cancel))!;
            Output.Of(parse).Answer(new { Run = entry.Id, entry.State }, text => text.WriteLine(RunState.Parse(entry.State).IsFinal
                ? $"Run {entry.Id} is {entry.State}."
                : $"Run {entry.Id} is asked to stop; 'arena watch {entry.Id}' waits until it has."));
            return Exit.Done;
        });
        return command;
    }

    private static async Task<int> CancelAsync(ArenaServices arena, string trial, Output output, CancellationToken cancel)
    {
        var service = arena.Get<TrialService>();
        await service.CancelAsync(trial, Environment.UserName, cancel);
        await arena.CatchUpAsync(cancel);
        var status = (await service.StatusAsync(trial, cancel))!;
        output.Answer(new { Trial = trial, status.State }, text => text.WriteLine(status.IsOver
            ? $"Trial {trial} is {status.State}: {status.Lines.Count(l => l.State == RunState.Succeeded.Name)} of {status.Lines.Count} runs had succeeded."
            : $"Trial {trial} is cancelled; its runs are asked to stop, and 'arena watch {trial}' waits until they have."));
        return Exit.Done;
    }
}

using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>stop</c>: asks a run to stop.</summary>
internal static class StopCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var now = new Option<bool>("--now") { Description = "At the next step; what came after the last checkpoint is lost. By default it writes a checkpoint first." };
        var command = new Command("stop", "Asks a run to stop; it can be resumed.") { run, now };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
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
}

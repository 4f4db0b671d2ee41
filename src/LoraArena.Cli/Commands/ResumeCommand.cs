using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>resume</c>: goes on with a failed, stopped or interrupted run.</summary>
internal static class ResumeCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var detach = RunCommand.Detach();
        var command = new Command("resume", "Goes on with a failed, stopped or interrupted run from its last checkpoint.") { run, detach };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
            await arena.Get<RunService>().ResumeAsync(entry.Id, cancel);
            Output.Say($"Run {entry.Id} is queued again.");
            var watch = new RunWatch(arena, Output.Of(parse));
            return parse.GetValue(detach) ? await watch.StartAndReturnAsync(entry.Id, cancel) : await watch.FollowAsync(entry.Id, cancel);
        });
        return command;
    }
}

using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Runs.Trials;

namespace LoraArena.Cli.Commands;

/// <summary><c>watch</c>: follows a run or a trial to its end.</summary>
internal static class WatchCommand
{
    /// <summary>The argument that names a run.</summary>
    public static Argument<string> Run() => new("run") { Description = "The run: its id, a beginning of it of at least 6 characters, or its name." };

    public static Command Create()
    {
        var run = new Argument<string>("run") { Description = "The run: its id, a beginning of it of at least 6 characters, or its name; or the id or name of a trial." };
        var command = new Command("watch", "Follows a run or a trial to its end; where nothing else supervises the queue, it does so meanwhile.") { run };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var named = parse.GetRequiredValue(run);
            if (arena.Get<TrialLibrary>().List().FirstOrDefault(t => t.Id == named || t.Plan.Name == named) is { } trial) return await new TrialWatch(arena, Output.Of(parse)).FollowAsync(trial.Id, cancel);
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
            return await new RunWatch(arena, Output.Of(parse)).FollowAsync(entry.Id, cancel);
        });
        return command;
    }
}

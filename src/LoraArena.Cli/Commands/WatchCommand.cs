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

    /// <summary>The argument that names a run or a trial.</summary>
    public static Argument<string> RunOrTrial()
        => new("run") { Description = "The run: its id, a beginning of it of at least 6 characters, or its name; or the id or name of a trial." };

    public static Command Create()
    {
        var run = RunOrTrial();
        var command = new Command("watch", "Follows a run or a trial to its end; where nothing else supervises the queue, it does so meanwhile.") { run };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var (entry, trial) = await arena.RunOrTrialAsync(parse.GetRequiredValue(run), cancel);
            return entry is null
                ? await new TrialWatch(arena, Output.Of(parse)).FollowAsync(trial!.Id, cancel)
                : await new RunWatch(arena, Output.Of(parse)).FollowAsync(entry.Id, cancel);
        });
        return command;
    }
}

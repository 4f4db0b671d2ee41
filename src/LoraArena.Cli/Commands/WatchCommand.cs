using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;

namespace LoraArena.Cli.Commands;

/// <summary><c>watch</c>: follows a run to its end.</summary>
internal static class WatchCommand
{
    /// <summary>The argument that names a run.</summary>
    public static Argument<string> Run() => new("run") { Description = "The run: its id, a beginning of it of at least 6 characters, or its name." };

    public static Command Create()
    {
        var run = Run();
        var command = new Command("watch", "Follows a run to its end; where nothing else supervises the queue, it does so meanwhile.") { run };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
            return await new RunWatch(arena, Output.Of(parse)).FollowAsync(entry.Id, cancel);
        });
        return command;
    }
}

using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>queue</c>: what runs and what waits.</summary>
internal static class QueueCommand
{
    public static Command Create()
    {
        var command = new Command("queue", "Lists the runs that train and those that wait, in their order.");
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var running = RunLine.Of(arena, await arena.Store.ActiveAsync(cancel));
            var waiting = RunLine.Of(arena, await arena.Store.QueuedAsync(cancel));
            Output.Of(parse).Answer(new { Running = running, Waiting = waiting, Supervised = IsSupervised(arena) }, text =>
            {
                if (running.Count + waiting.Count == 0) text.WriteLine("Nothing runs and nothing waits.");
                else RunLine.Print(text, [.. running, .. waiting]);
            });
            if (waiting.Count > 0 && !IsSupervised(arena)) Output.Say("Nobody looks after the queue: 'arena watch' or 'arena serve' starts what waits.");
            return Exit.Done;
        });
        return command;
    }

    private static bool IsSupervised(ArenaServices arena)
    {
        using var taken = SupervisorLock.TryTake(arena.Folder);
        return taken is null;
    }
}

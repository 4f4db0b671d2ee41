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
            var supervisor = SupervisorLock.Holder(arena.Folder);
            Output.Of(parse).Answer(new { Running = running, Waiting = waiting, Supervised = supervisor is not null, Problems = arena.Get<ArenaProblems>().All }, text =>
            {
                if (running.Count + waiting.Count == 0) text.WriteLine("Nothing runs and nothing waits.");
                else RunLine.Print(text, [.. running, .. waiting]);
            });
            if (waiting.Count > 0 && supervisor is null) Output.Say("Nothing supervises the queue: 'arena watch' or 'arena serve' starts what waits.");
            return Exit.Done;
        });
        return command;
    }
}

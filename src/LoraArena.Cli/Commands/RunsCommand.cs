using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;

namespace LoraArena.Cli.Commands;

/// <summary><c>runs</c>: all runs, newest first.</summary>
internal static class RunsCommand
{
    public static Command Create()
    {
        var name = new Argument<string?>("name") { Description = "Only those of one competition.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("runs", "Lists the runs, newest first.") { name };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var competition = parse.GetValue(name) is { } given ? arena.Competition(given).Id : null;
            var runs = RunLine.Of(arena, await arena.Store.RunsAsync(competition, int.MaxValue, cancel));
            Output.Of(parse).Answer(new { Runs = runs }, text =>
            {
                if (runs.Count == 0) text.WriteLine("There are no runs yet; 'arena run' starts one.");
                else RunLine.Print(text, runs);
            });
            return Exit.Done;
        });
        return command;
    }
}

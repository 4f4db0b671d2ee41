using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Runs.Deletion;

namespace LoraArena.Cli.Commands;

/// <summary><c>delete</c>: deletes runs, data, models and competitions, and names what depends on them.</summary>
internal static class DeleteCommand
{
    public static Command Create() => new("delete", "Deletes a run, a model, a competition or one of its files.")
    {
        Run(), Model("model"), Competition(), Data(),
    };

    private static Command Run()
    {
        var run = WatchCommand.Run();
        return Build("run", "Deletes a run with its predictions, adapter and checkpoints.", [run], async (arena, parse, cancel) =>
        {
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
            var deletion = arena.Get<ArenaDeletion>();
            return (entry.Id, await deletion.PlanRunAsync(entry.Id, cancel), () => deletion.DeleteRunAsync(entry.Id, cancel));
        });
    }

    /// <summary>Takes a model off the list: <c>delete model</c>, and <c>models remove</c> beside the commands that put it there.</summary>
    public static Command Model(string called)
    {
        var name = new Argument<string>("name") { Description = "The model's name or id." };
        const string Does = "Takes a base model off the list; its folder stays as it is, and so do the results of its runs.";
        return Build("model", Does, [name], async (arena, parse, cancel) =>
        {
            var card = await arena.ModelAsync(parse.GetRequiredValue(name), cancel);
            var deletion = arena.Get<ArenaDeletion>();
            return (card.Id, await deletion.PlanModelAsync(card.Id, cancel), () => deletion.DeleteModelAsync(card.Id, cancel));
        }, called);
    }

    private static Command Competition()
    {
        var name = new Argument<string>("name") { Description = "The competition's name or id." };
        return Build("competition", "Deletes a competition with its files and runs.", [name], async (arena, parse, cancel) =>
        {
            var id = arena.Competition(parse.GetRequiredValue(name)).Id;
            var deletion = arena.Get<ArenaDeletion>();
            return (id, await deletion.PlanCompetitionAsync(id, cancel), () => deletion.DeleteCompetitionAsync(id, cancel));
        });
    }

    private static Command Data()
    {
        var name = new Argument<string>("competition") { Description = "The competition's name or id." };
        var role = new Option<FileRole>("--role") { Description = "Which of its files: train, test or sample.", HelpName = "ROLE", Required = true };
        return Build("data", "Takes a file out of a competition.", [name, role], async (arena, parse, cancel) =>
        {
            var id = arena.Competition(parse.GetRequiredValue(name)).Id;
            var deletion = arena.Get<ArenaDeletion>();
            var which = parse.GetRequiredValue(role);
            return (id, await deletion.PlanDataAsync(id, which, cancel), () => deletion.DeleteDataAsync(id, which, cancel));
        });
    }

    private static Command Build(
        string kind, string description,
        IReadOnlyList<Symbol> symbols, Func<ArenaServices, ParseResult, CancellationToken, Task<(string Id, DeletionPlan Plan, Func<Task> Delete)>> find,
        string? called = null)
    {
        var yes = new Option<bool>("--yes") { Description = "Also where something depends on it." };
        var command = new Command(called ?? kind, description) { yes };
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument) command.Arguments.Add(argument);
            else command.Options.Add((Option)symbol);
        }

        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var (id, plan, delete) = await find(arena, parse, cancel);
            if (plan.Refusal is { } refusal) throw new RefusedException(refusal);
            foreach (var dependent in plan.Dependents) Output.Say($"{dependent}.");
            if (plan.Dependents.Count > 0 && !parse.GetValue(yes)) throw new RefusedException($"Nothing is deleted; --yes deletes {plan.What}.");
            await delete();
            Output.Of(parse).Answer(
                new { Deleted = kind, Id = id, plan.Bytes, plan.Dependents },
                text => text.WriteLine($"Deleted: {plan.What}.{(plan.Bytes > 0 ? $" {Show.Bytes(plan.Bytes)} are free again." : "")}"));
            return Exit.Done;
        });
        return command;
    }
}

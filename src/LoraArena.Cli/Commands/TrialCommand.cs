using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Core.Competitions;
using LoraArena.Core.Trials;
using LoraArena.Data.Splits;
using LoraArena.Runs.Trials;

namespace LoraArena.Cli.Commands;

/// <summary><c>trial</c>: a planned comparison of methods with one budget for all.</summary>
internal static class TrialCommand
{
    private const int MaxPlanBytes = 1 << 20;

    public static Command Create()
    {
        var plan = new Argument<string>("plan") { Description = "A JSON file: name, competition, model, methods, budget {parameters|seconds|tokens}, seeds, learning_rates, split, training." };
        var detach = RunCommand.Detach();
        var command = new Command("trial", "Trains methods with equal budgets, tries and seeds, and says which is better.") { plan, detach };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var path = parse.GetRequiredValue(plan);
            InputFile.Require(path);
            if (new FileInfo(path).Length > MaxPlanBytes) throw new RefusedException($"{path} is larger than a plan can be.");
            var wanted = TrialPlan.Parse(await File.ReadAllTextAsync(path, cancel), Path.GetFileName(path));
            var competition = arena.Competition(wanted.Competition);
            var model = await arena.ModelAsync(wanted.Model, cancel);
            var parts = new TuningSplits(arena.Library).Parts(competition, wanted.Split, wanted.LearningRates.Count > 0, cancel);
            var board = await BoardCommand.ReadAsync(arena, competition, Query(wanted.Split, parts), cancel);
            var trial = await arena.Get<TrialService>().CreateAsync(wanted, competition, model, parts, Environment.UserName, cancel);
            Output.Say($"Trial {trial.Id}: {trial.Runs.Count} runs, {trial.Plan.Budget}.");
            foreach (var outside in trial.Methods.Where(m => m.OutsideBudget))
            {
                Output.Say(FormattableString.Invariant($"{outside.Name} is outside the budget: it trains {outside.Parameters:#,0} parameters."));
            }

            Output.Say(TrialForecast.Of(board).Sentence(wanted.Seeds.Count, trial.Comparisons));
            var watch = new TrialWatch(arena, Output.Of(parse));
            return parse.GetValue(detach) ? await watch.DetachAsync(trial.Id, cancel) : await watch.FollowAsync(trial.Id, cancel);
        });
        return command;
    }

    /// <summary>The view of the rows that a trial reports.</summary>
    public static BoardQuery Query(string? split, IReadOnlyList<TrialPart> parts, string? trial = null)
        => new() { Split = split ?? parts[0].Report.Id, Fold = parts.Count > 1 ? BoardQuery.AllFolds : parts[0].Report.Fold, Trial = trial };
}

using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Data.Baselines;

namespace LoraArena.Cli.Commands;

/// <summary><c>baselines</c>: what a run has to beat.</summary>
internal static class BaselinesCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The competition." };
        var split = new SplitOptions();
        var command = new Command("baselines", "Scores the predictors that need no model.") { name, split.Fold, split.SplitId };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = ArenaServices.Open(parse);
            var competition = arena.Competition(parse.GetRequiredValue(name));
            var chosen = split.Choose(parse, arena.Library, competition);
            var results = arena.Library.EvaluateBaselines(competition.Id, chosen.Id, chosen.Fold, cancel);
            Output.Of(parse).Answer(new Result(competition.Name, chosen, results), text => Print(text, results));
            return Exit.Done;
        });
        return command;
    }

    private static void Print(TextWriter text, IReadOnlyList<BaselineResult> results)
    {
        var table = new TextTable().Text("id").Text("name").Figures("log loss").Text("95 % interval").Figures("accuracy").Figures("ECE").Figures("rows");
        foreach (var (id, name, _, scores) in results)
        {
            table.Add(
                id, name, Show.Metric(scores.LogLoss), Show.Interval(scores.LogLossLow, scores.LogLossHigh), Show.Metric(scores.Accuracy),
                Show.Metric(scores.Ece), Show.Count(scores.Rows));
        }

        table.Write(text);
    }

    /// <summary>The answer.</summary>
    private sealed record Result(string Competition, SplitReference Split, IReadOnlyList<BaselineResult> Baselines);
}

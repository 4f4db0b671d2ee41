using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Data.Competitions;
using LoraArena.Data.Splits;

namespace LoraArena.Cli.Commands;

/// <summary><c>split</c>: draws another split of a competition's training data.</summary>
internal static class SplitCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The competition." };
        var folds = new Option<int?>("--folds") { Description = "Deal the rows into so many folds.", HelpName = "K" };
        folds.Validators.Add(result =>
        {
            if (result.GetValue(folds) < 2) result.AddError("--folds must be 2 or more.");
        });
        var holdOut = new Option<double?>("--hold-out") { Description = "Hold out a share of the rows, such as 0.2.", HelpName = "SHARE" };
        holdOut.Validators.Add(result =>
        {
            if (result.GetValue(holdOut) is not (> 0 and < 1)) result.AddError("--hold-out must lie between 0 and 1.");
        });
        var seed = new Option<long>("--seed") { Description = "Names the random order.", HelpName = "S" };
        var command = new Command("split", "Draws a split: rows with the same prompt stay together, the shares of the outcomes stay alike.") { name, folds, holdOut, seed };
        command.AllowOneOf(folds, holdOut);
        command.Validators.Add(result =>
        {
            if (result.GetResult(folds) is null && result.GetResult(holdOut) is null) result.AddError("Give --folds or --hold-out.");
        });
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = ArenaServices.Open(parse);
            var competition = arena.Competition(parse.GetRequiredValue(name));
            var train = competition.File(FileRole.Train) ?? throw new CompetitionException($"Competition '{competition.Name}' has no training data yet; import its train.csv first.");
            var battles = arena.Library.ReadBattles(train.Sha256, FileRole.Train).ToList();
            var split = parse.GetValue(folds) is { } count ? GroupedStratified.Folds(battles, count, parse.GetValue(seed)) : GroupedStratified.HoldOut(battles, parse.GetValue(holdOut)!.Value, parse.GetValue(seed));
            var line = SplitLine.Of(arena.Library.AddSplit(competition.Id, split));
            Output.Of(parse).Answer(new Answered(competition.Name, line), text => text.WriteLine($"Split {line.Id}: {line.Describe()}."));
            return Exit.Done;
        });
        return command;
    }

    /// <summary>The answer.</summary>
    private sealed record Answered(string Competition, SplitLine Split);
}

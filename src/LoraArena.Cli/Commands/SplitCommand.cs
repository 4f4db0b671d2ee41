using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Splits;

namespace LoraArena.Cli.Commands;

/// <summary><c>split</c>: draws another split of a competition's training data.</summary>
internal static class SplitCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The competition." };
        var folds = CommandOptions.Number<int>("--folds", "K", "Deal the rows into so many folds.", min: 2);
        var holdOut = CommandOptions.Number<double>("--hold-out", "SHARE", "Hold out a share of the rows, above 0 and below 1, such as 0.2.");
        var seed = CommandOptions.Number<long>("--seed", "S", "Names the random order; 0 by default.", min: 0);
        var command = new Command(
            "split",
            "Draws a split: rows with the same prompt stay together, the shares of the outcomes stay alike.") { name, folds, holdOut, seed };
        command.AllowOneOf(folds, holdOut);
        command.RequireOneOf(folds, holdOut);
        command.SetAction(async (parse, _) =>
        {
            await using var arena = ArenaServices.Open(parse);
            var competition = arena.Competition(parse.GetRequiredValue(name));
            var train = competition.File(FileRole.Train)
                ?? throw new CompetitionException($"Competition '{competition.Name}' has no training data yet; import its train.csv first.");
            var split = Draw(arena.Library.ListLabelled(train.Sha256), parse.GetValue(folds), parse.GetValue(holdOut), parse.GetValue(seed) ?? 0);
            var line = SplitLine.Of(SplitSummary.Of(arena.Library.AddSplit(competition.Id, split)));
            Output.Of(parse).Answer(new Result(competition.Name, line), text => text.WriteLine($"Split {line.Id}: {line.Describe()}."));
            return Exit.Done;
        });
        return command;
    }

    private static Split Draw(IReadOnlyList<LabelledRow> rows, int? folds, double? holdOut, long seed)
    {
        if (folds is { } count) return GroupedStratified.Folds(rows, count, seed);
        return holdOut is > 0 and < 1 and var share
            ? GroupedStratified.HoldOut(rows, share, seed)
            : throw new OptionException("--hold-out must lie between 0 and 1.");
    }

    /// <summary>The answer.</summary>
    private sealed record Result(string Competition, SplitLine Split);
}

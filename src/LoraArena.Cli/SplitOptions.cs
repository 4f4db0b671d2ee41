using System.CommandLine;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Splits;

namespace LoraArena.Cli;

/// <summary>The options that choose a split of a competition, or one of its folds.</summary>
internal sealed class SplitOptions
{
    /// <summary>The fold that validates.</summary>
    public Option<int?> Fold { get; } = CommandOptions.Number<int>(
        "--fold", "K", "The fold that validates, from 0; of the competition's folds, or of the split that --split-id names.", min: 0);

    /// <summary>The split.</summary>
    public Option<string?> SplitId { get; } =
        new("--split-id") { Description = "A split by its id; 'arena competitions' lists them. By default the competition's hold-out.", HelpName = "ID" };

    /// <summary>The split that the arguments choose.</summary>
    /// <exception cref="RefusedException">There is no training data yet, or several splits have folds.</exception>
    /// <exception cref="CompetitionException">There is no such split.</exception>
    /// <exception cref="SplitException">It has no such fold, or has folds and none is named.</exception>
    public SplitReference Choose(ParseResult parse, CompetitionLibrary library, Competition competition)
    {
        var fold = parse.GetValue(Fold);
        var chosen = parse.GetValue(SplitId) ?? (fold is null ? DefaultOf(competition) : OnlyFolds(library, competition).Id);
        var split = library.ReadSplit(competition.Id, chosen);
        _ = split.Assign(fold);
        return new SplitReference(split.Id, split.Name, fold);
    }

    /// <summary>The split that a competition got with its training data.</summary>
    private static string DefaultOf(Competition competition)
    {
        if (competition.File(FileRole.Train) is null)
        {
            throw new RefusedException($"Competition '{competition.Name}' has no training data yet; import its train.csv first.");
        }

        return competition.DefaultSplit ?? throw new RefusedException(
            $"Competition '{competition.Name}' has no default split: its training data has one prompt only. "
            + "Name the rows that validate yourself with 'arena run --split FILE', once; then choose that split with --split-id.");
    }

    private static SplitSummary OnlyFolds(CompetitionLibrary library, Competition competition)
    {
        var withFolds = library.ListSplits(competition.Id).Where(split => split.Folds is not null).ToList();
        return withFolds switch
        {
            [var only] => only,
            [] => throw new RefusedException($"Competition '{competition.Name}' has no folds; 'arena split --folds' makes some."),
            _ => throw new RefusedException($"Competition '{competition.Name}' has several splits with folds; name one with --split-id: {string.Join(", ", withFolds.Select(split => $"{split.Id} ({split.Name}, seed {split.Seed})"))}."),
        };
    }
}

using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Data.Competitions;

namespace LoraArena.Data.Splits;

/// <summary>
/// The rows of a trial: for each hold-out or fold that it reports, a split of that part's training rows on which learning rates are tried. No
/// row that is reported helps to choose, and rows with the same prompt stay on one side.
/// </summary>
/// <param name="library">The competitions.</param>
public sealed class TuningSplits(CompetitionLibrary library)
{
    /// <summary>The parts of a trial; tuning splits are kept in the competition like all others.</summary>
    /// <param name="competition">The competition, with training data.</param>
    /// <param name="splitId">The split; null is the default one.</param>
    /// <param name="tuning">True where learning rates are tried.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="CompetitionException">There is no training data or no such split.</exception>
    /// <exception cref="SplitException">The training rows have one prompt only, so nothing can be set aside.</exception>
    public IReadOnlyList<TrialPart> Parts(Competition competition, string? splitId, bool tuning, CancellationToken cancellation = default)
    {
        var train = competition.File(FileRole.Train)
            ?? throw new CompetitionException($"Competition '{competition.Name}' has no training data yet; import its train.csv first.");
        var split = library.ReadSplit(
            competition.Id,
            splitId ?? competition.DefaultSplit ?? throw new CompetitionException($"Competition '{competition.Name}' has no split."));
        return [.. split.FoldNumbers.Select(fold =>
            new TrialPart(new SplitReference(split.Id, split.Name, fold), tuning ? Inner(competition.Id, train.Sha256, split, fold, cancellation) : null))];
    }

    private SplitReference Inner(string competitionId, string train, Split split, int? fold, CancellationToken cancellation)
    {
        var ids = split.Assign(fold).Train.ToHashSet(StringComparer.Ordinal);
        var drawn = GroupedStratified.HoldOut(library.ReadBattles(train, FileRole.Train, cancellation).Where(b => ids.Contains(b.Id)), seed: 1);
        var name = FormattableString.Invariant($"tuning rows within the training rows of {split.Name}{(fold is null ? "" : $", fold {fold}")}");
        var kept = library.AddSplit(competitionId, drawn with { Name = name });
        return new SplitReference(kept.Id, kept.Name, null);
    }
}

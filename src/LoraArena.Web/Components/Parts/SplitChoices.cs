using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;

namespace LoraArena.Web.Components.Parts;

/// <summary>The splits and folds of a competition that a run can be made on.</summary>
internal static class SplitChoices
{
    /// <summary>All of them, the default first.</summary>
    public static IReadOnlyList<SplitReference> Of(CompetitionLibrary library, Competition competition)
        => [.. library.ListSplits(competition.Id)
            .OrderBy(split => split.Id == competition.DefaultSplit ? 0 : 1)
            .SelectMany(split => split.FoldNumbers.Select(fold => new SplitReference(split.Id, split.Name, fold)))];
}

using LoraArena.Core.Statistics;

namespace LoraArena.Core.Competitions;

/// <summary>The leaderboard of one competition on one set of rows: methods or runs, and baselines, each compared with one reference.</summary>
/// <param name="Rows">The lines, in the order asked for.</param>
/// <param name="Reference">The line that the others are compared with; null on an empty board.</param>
/// <param name="ScoredRows">Rows that all are scored on.</param>
/// <param name="Groups">Prompts among them.</param>
/// <param name="Family">Comparisons that p-values are adjusted for.</param>
/// <param name="Excluded">Runs that are not compared.</param>
/// <param name="Hidden">Lines that the filter hides.</param>
public sealed record Board(
    IReadOnlyList<BoardRow> Rows, BoardRow? Reference, int ScoredRows, int Groups, int Family, IReadOnlyList<ExcludedRun> Excluded,
    int Hidden)
{
    /// <summary>True where there are intervals: there are at least two prompts, in every fold.</summary>
    public bool HasIntervals => Rows.Count > 0 && Rows[0].Losses.Average.HasSpread;

    /// <summary>What has ended without success, and what it cost; most seconds first.</summary>
    public IReadOnlyList<FailedLine> Failed { get; init; } = [];

    /// <summary>Lines up to which rank intervals are worked out: each needs all its pairs.</summary>
    public const int MaxRanked = 300;

    /// <summary>Lines up to which the sign-flip p of single runs is worked out from the rows themselves.</summary>
    public const int MaxFromRows = 100;

    /// <summary>The lines that are no baselines.</summary>
    public IEnumerable<BoardRow> ComparedRows => Rows.Where(r => !r.IsBaseline);

    /// <summary>The settings in which the compared rows differ, by name.</summary>
    public IReadOnlyList<string> Differing()
    {
        var settings = ComparedRows.Select(r => r.Settings!).ToList();
        return [.. settings.SelectMany(s => s.Values.Select(v => v.Key))
            .Distinct(StringComparer.Ordinal)
            .Where(name => settings.Select(s => s[name]).Distinct(StringComparer.Ordinal).Count() > 1)];
    }
}

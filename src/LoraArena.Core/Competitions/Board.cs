using LoraArena.Core.Statistics;

namespace LoraArena.Core.Competitions;

/// <summary>A line of the board: a run or a baseline, scored on the same rows as all others.</summary>
/// <param name="Id">Id of the run, or of the baseline.</param>
/// <param name="Name">What to call it.</param>
/// <param name="IsBaseline">True for a baseline.</param>
/// <param name="Variant">Id of the run's variant.</param>
/// <param name="Model">Name of the run's base model.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="LogLoss">Log loss with its 95 % interval.</param>
/// <param name="Accuracy">Accuracy.</param>
/// <param name="Ece">Expected calibration error.</param>
/// <param name="Seconds">Seconds of training.</param>
/// <param name="TokensPerSecond">Real tokens a second of training.</param>
/// <param name="PeakMemoryBytes">Peak memory in bytes.</param>
/// <param name="TrainableParameters">Numbers that the optimiser moved.</param>
public sealed record BoardRow(
    string Id,
    string Name,
    bool IsBaseline,
    string? Variant,
    string? Model,
    long? Seed,
    Interval LogLoss,
    double Accuracy,
    double Ece,
    double? Seconds,
    double? TokensPerSecond,
    long? PeakMemoryBytes,
    long? TrainableParameters);

/// <summary>The leaderboard of one competition on one split: runs and baselines, lowest log loss first.</summary>
/// <param name="Rows">The lines.</param>
public sealed record Board(IReadOnlyList<BoardRow> Rows)
{
    /// <summary>Orders lines.</summary>
    public static Board Of(IEnumerable<BoardRow> rows) => new([.. rows.OrderBy(r => r.LogLoss.Value).ThenBy(r => r.Name, StringComparer.Ordinal)]);
}

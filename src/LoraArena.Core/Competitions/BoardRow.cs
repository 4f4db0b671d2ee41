using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Competitions;

/// <summary>
/// A line of the board: a method with all its seeds, a single run, or a baseline, scored on the same rows as all others. Where there are
/// several runs, quality and speed are averages over seeds; time is what one seed took, all folds together. In a fold, quality counts as
/// many times as the fold has rows.
/// </summary>
/// <param name="Id">Names the line in links: id of the run or of the baseline, or a hash of the method's settings.</param>
/// <param name="Name">What to call it: for a method, what tells it from the others on the board.</param>
/// <param name="IsBaseline">True for a baseline.</param>
/// <param name="Settings">The method; null for a baseline.</param>
/// <param name="Runs">The runs in it.</param>
/// <param name="Losses">Losses of its seeds.</param>
/// <param name="LogLoss">Log loss with its 95 % interval over rows.</param>
/// <param name="Accuracy">Accuracy over all rows.</param>
/// <param name="Ece">
/// Expected calibration error: where there are several folds, the mean of theirs weighted by rows, which is at least as large as that of all
/// rows in common bins. The bins themselves are not kept.
/// </param>
/// <param name="FlipRate">Share of rows whose answer changes with the order of the answers.</param>
/// <param name="Seconds">Seconds of training.</param>
/// <param name="TokensPerSecond">Real tokens a second of training.</param>
/// <param name="PeakMemoryBytes">Peak memory in bytes.</param>
/// <param name="TrainableParameters">Trainable parameters.</param>
public sealed record BoardRow(
    string Id,
    string Name,
    bool IsBaseline,
    MethodSettings? Settings,
    IReadOnlyList<BoardRun> Runs,
    MethodLosses Losses,
    Interval LogLoss,
    double Accuracy,
    double Ece,
    double? FlipRate,
    double? Seconds,
    double? TokensPerSecond,
    long? PeakMemoryBytes,
    long? TrainableParameters)
{
    /// <summary>Seeds below which what is said of a method may not last.</summary>
    public const int SureSeeds = 3;

    /// <summary>Id of the variant; null for a baseline.</summary>
    public string? Variant => Settings?.Variant;

    /// <summary>Name of the base model; null for a baseline.</summary>
    public string? Model => Settings?.Model;

    /// <summary>Seeds in it; 0 for a baseline.</summary>
    public int Seeds => IsBaseline ? 0 : Losses.Seeds;

    /// <summary>True for a method with fewer than three seeds.</summary>
    public bool IsProvisional => !IsBaseline && Losses.Seeds < SureSeeds;

    /// <summary>Runs of it that say the same of every row, or less than the class shares do.</summary>
    public int Collapsed => Runs.Count(r => r.Flag == RunMark.Collapsed);

    /// <summary>Further runs of the same method, other seeds and repetitions, that have ended without success.</summary>
    public int FailedRuns { get; init; }

    /// <summary>What of the peak came on top of the loaded model, in bytes; null where it was not measured.</summary>
    public long? PeakMemoryAboveBaseBytes { get; init; }

    /// <summary>Tags of its runs.</summary>
    public IEnumerable<string> Tags => Runs.SelectMany(r => r.Notes.Tags).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    /// <summary>Place by log loss among the lines that are no baselines, from 1; null for a baseline.</summary>
    public int? Place { get; init; }

    /// <summary>How it compares with the reference; null for the reference itself.</summary>
    public MethodComparison? Against { get; init; }

    /// <summary>The p of that comparison, adjusted for all that are shown (Holm).</summary>
    public double? PAdjusted { get; init; }

    /// <summary>The places that it may really have; null for baselines and on boards with too many lines.</summary>
    public RankInterval? Rank { get; init; }

    /// <summary>Seconds of training for each 0.001 of log loss below the best baseline; null where it is not below.</summary>
    public double? SecondsPerThousandth { get; init; }

    /// <summary>What is sure of it, beside the reference.</summary>
    public Standing Standing => Against is null ? Standing.Reference
        : PAdjusted > RankInterval.Level ? Standing.CannotBeToldApart
        : Against.Difference.Value < 0 ? Standing.Better : Standing.Worse;
}

/// <summary>What is sure of a line of the board, beside its reference, at 5 % of the whole family.</summary>
public enum Standing
{
    /// <summary>It is the reference.</summary>
    Reference,

    /// <summary>Its log loss is lower.</summary>
    Better,

    /// <summary>Its log loss is higher.</summary>
    Worse,

    /// <summary>The rows and seeds there are do not tell them apart.</summary>
    CannotBeToldApart,
}

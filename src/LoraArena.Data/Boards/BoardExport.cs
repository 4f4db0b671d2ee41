using System.Globalization;
using System.Text.Json.Serialization;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;

namespace LoraArena.Data.Boards;

/// <summary>A board for programs: the JSON document, and the same lines as CSV.</summary>
/// <param name="Competition">Name of the competition.</param>
/// <param name="Split">The rows; where all folds are taken together, fold is null.</param>
/// <param name="Reference">Id of the line that differences are taken from.</param>
/// <param name="ScoredRows">Rows that all are scored on.</param>
/// <param name="Groups">Prompts among them.</param>
/// <param name="Family">Comparisons that p-values are adjusted for.</param>
/// <param name="Rows">The lines.</param>
/// <param name="Excluded">Runs that are not compared, and why.</param>
public sealed record BoardExport(
    string Competition, SplitReference Split, string? Reference, int ScoredRows, int Groups, int Family,
    IReadOnlyList<BoardExport.Row> Rows, IReadOnlyList<ExcludedRun> Excluded)
{
    /// <summary>Runs that have ended without success, and what they cost.</summary>
    public IReadOnlyList<Failure> Failed { get; init; } = [];

    /// <summary>Makes the document.</summary>
    public static BoardExport Of(string competition, SplitReference split, Board board)
        => new(competition, split, board.Reference?.Id, board.ScoredRows, board.Groups, board.Family, [.. board.Rows.Select(Row.Of)], board.Excluded)
        {
            Failed = [.. board.Failed.SelectMany(line => line.Runs.Select(run => Failure.Of(line, run)))],
        };

    /// <summary>The header of the CSV, then a line a row.</summary>
    public IEnumerable<string[]> Csv()
    {
        yield return
        [
            "rank", "id", "name", "baseline", "variant", "model", "seed", "log_loss", "log_loss_low", "log_loss_high", "accuracy", "ece",
            "seconds", "tokens_per_second", "peak_memory_bytes", "trainable_parameters",
            "seeds", "provisional", "difference", "difference_low", "difference_high", "p", "p_holm", "rank_best", "rank_worst", "standing",
            "flip_rate", "seconds_per_thousandth", "memory_above_base_bytes", "settings", "tags", "runs",
        ];
        foreach (var r in Rows)
        {
            yield return
            [
                Number(r.Rank), Text(r.Id), Text(r.Name), r.Baseline ? "true" : "false", Text(r.Variant), Text(r.Model), Number(r.Seed),
                Number(r.LogLoss), Number(r.LogLossLow), Number(r.LogLossHigh), Number(r.Accuracy),
                Number(r.Ece), Number(r.Seconds), Number(r.TokensPerSecond), Number(r.PeakMemoryBytes), Number(r.TrainableParameters),
                Number(r.Seeds), r.Provisional ? "true" : "false", Number(r.Difference), Number(r.DifferenceLow),
                Number(r.DifferenceHigh), Number(r.P), Number(r.PHolm), Number(r.RankBest), Number(r.RankWorst), r.Standing,
                Number(r.FlipRate), Number(r.SecondsPerThousandth), Number(r.MemoryAboveBaseBytes), Text(r.Settings), Text(string.Join(' ', r.Tags)),
                string.Join(' ', r.Runs),
            ];
        }

        // They have no scores: their standing says how they ended.
        foreach (var f in Failed)
        {
            yield return
            [
                "", f.Run, Text(f.Name), "false", Text(f.Variant), Text(f.Model), Number(f.Seed), "", "", "", "", "", Number(f.Seconds),
                Number(f.TokensPerSecond), Number(f.PeakMemoryBytes), Number(f.TrainableParameters),
                "", "", "", "", "", "", "", "", "", f.End, "", "", Number(f.MemoryAboveBaseBytes), Text(f.Settings), "", f.Run,
            ];
        }
    }

    private static string Number<T>(T? value) where T : struct, IFormattable => value?.ToString(null, CultureInfo.InvariantCulture) ?? "";

    private static string Number<T>(T value) where T : struct, IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

    // This table is for people, who open it in a spreadsheet: a name must not become a formula there.
    private static string Text(string? cell) => cell is ['=' or '+' or '-' or '@' or '\t' or '\r', ..] ? "'" + cell : cell ?? "";

    /// <summary>A run that has ended without success.</summary>
    public sealed record Failure(
        string Run, string Name, string Variant, string Model, long Seed, string End, string? Reason, double? Seconds,
        double? TokensPerSecond, long? PeakMemoryBytes, long? TrainableParameters, string Settings)
    {
        /// <summary>What of the peak came on top of the loaded model.</summary>
        public long? MemoryAboveBaseBytes { get; init; }

        internal static Failure Of(FailedLine line, FailedRun run) => new(
            run.Spec.Run, line.Name, run.Settings.Variant, run.Settings.Model, run.Spec.Training.Seed, run.End, run.Result.Reason,
            run.Result.Cost?.Seconds, run.Result.Cost?.TokensPerSecond,
            run.Result.Cost?.PeakMemoryBytes, run.Result.Cost?.TrainableParameters, run.Settings.Text())
        {
            MemoryAboveBaseBytes = run.Result.Cost?.MeasuredAboveBaseBytes,
        };
    }

    /// <summary>One line. Differences are of this line minus the reference; below zero it is better.</summary>
    public sealed record Row(
        int Rank, string Id, string Name, bool Baseline, string? Variant, string? Model, long? Seed, double LogLoss, double? LogLossLow, double? LogLossHigh, double Accuracy, double Ece, double? Seconds,
        double? TokensPerSecond, long? PeakMemoryBytes, long? TrainableParameters, int Seeds, bool Provisional, double? Difference, double? DifferenceLow, double? DifferenceHigh, double? P,
        [property: JsonPropertyName("p_holm")] double? PHolm, int? RankBest, int? RankWorst, string Standing, double? FlipRate,
        double? SecondsPerThousandth, string? Settings, IReadOnlyList<string> Tags, IReadOnlyList<string> Runs)
    {
        /// <summary>What of the peak came on top of the loaded model.</summary>
        public long? MemoryAboveBaseBytes { get; init; }

        internal static Row Of(BoardRow r, int index) => new(
            index + 1, r.Id, r.Name, r.IsBaseline, r.Variant, r.Model, r.Runs is [var only] ? only.Spec.Training.Seed : null,
            r.LogLoss.Value, Low(r.LogLoss), High(r.LogLoss), r.Accuracy, r.Ece, r.Seconds, r.TokensPerSecond,
            r.PeakMemoryBytes, r.TrainableParameters, r.Seeds, r.IsProvisional, r.Against?.Difference.Value, Low(r.Against?.Difference),
            High(r.Against?.Difference), r.Against?.P, r.PAdjusted, r.Rank?.Best, r.Rank?.Worst,
            Words(r.Standing), r.FlipRate, r.SecondsPerThousandth, r.Settings?.Text(), [.. r.Tags], [.. r.Runs.Select(run => run.Spec.Run)])
        {
            MemoryAboveBaseBytes = r.PeakMemoryAboveBaseBytes,
        };

        private static double? Low(Interval? interval) => interval is { IsKnown: true } known ? known.Low : null;

        private static double? High(Interval? interval) => interval is { IsKnown: true } known ? known.High : null;

        private static string Words(Standing standing) => standing switch
        {
            Core.Competitions.Standing.Reference => "reference",
            Core.Competitions.Standing.Better => "better",
            Core.Competitions.Standing.Worse => "worse",
            _ => "cannot be told apart",
        };
    }
}

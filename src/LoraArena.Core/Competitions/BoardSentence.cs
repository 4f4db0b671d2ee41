using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Competitions;

/// <summary>Says what a comparison means: which is better, by how much, how sure, at what cost.</summary>
public static class BoardSentence
{
    /// <summary>The sentence about one line beside the reference.</summary>
    /// <param name="row">A line that has been compared.</param>
    /// <param name="reference">What it was compared with.</param>
    /// <param name="family">Comparisons that its p is adjusted for.</param>
    public static string Of(BoardRow row, BoardRow reference, int family)
    {
        var difference = row.Against!.Difference;
        var sure = $"p {P(row.PAdjusted!.Value)}{(family > 1 && !row.IsBaseline ? FormattableString.Invariant($", adjusted for {family} comparisons") : "")}";
        var seeds = row.Against.CoversSeeds ? Seeds(row, reference) : "";
        if (row.Standing == Standing.CannotBeToldApart)
        {
            var delta = string.Create(CultureInfo.InvariantCulture, $"Δ {difference.Value:+0.0000;−0.0000;0.0000}");
            var span = Span(difference, "+0.0000;−0.0000;0.0000");
            return $"{row.Name} and {reference.Name} cannot be told apart ({delta}, {span}; {sure}{seeds}){Cost(row, reference)}.{Provisional(row, reference)}";
        }

        var word = row.Standing == Standing.Better ? "better" : "worse";
        var amount = string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(difference.Value):0.0000}");
        var by = Span(row.Standing == Standing.Better ? difference.Negated() : difference, "0.0000;−0.0000");
        return $"{row.Name} is {word} than {reference.Name} by {amount} of log loss ({by}; {sure}{seeds}){Cost(row, reference)}.{Provisional(row, reference)}";
    }

    /// <summary>The sentence of a whole board: the best line that is surely better than the reference, else the best line.</summary>
    public static string? Of(Board board)
    {
        if (board.Reference is not { } reference) return null;
        var others = board.ComparedRows.Where(r => r.Id != reference.Id).OrderBy(r => r.LogLoss.Value).ToList();
        if (others.Count == 0) return reference.IsBaseline ? null : $"{reference.Name} is alone: there is nothing yet to compare it with but the baselines.";
        var better = others.FirstOrDefault(r => r.Standing == Standing.Better);
        if (better is not null) return Of(better, reference, board.Family);
        if (others.Count == 1 || others[0].LogLoss.Value < reference.LogLoss.Value) return Of(others[0], reference, board.Family);
        var worse = others.Count(r => r.Standing == Standing.Worse);
        return FormattableString.Invariant($"Nothing shown is better than {reference.Name}: of {others.Count}, {worse} {(worse == 1 ? "is" : "are")} surely worse and {others.Count - worse} cannot be told apart from it.");
    }

    /// <summary>The bounds in words, or why there are none.</summary>
    public static string Span(Interval interval, string format) => interval.IsKnown
        ? $"95 % interval {interval.Low.ToString(format, CultureInfo.InvariantCulture)} to {interval.High.ToString(format, CultureInfo.InvariantCulture)}"
        : "no interval, since all rows, or all of a fold, have the same prompt";

    /// <summary>A p-value as it stands in text.</summary>
    public static string P(double p) => p < 0.0001 ? "< 0.0001" : p.ToString("0.0000", CultureInfo.InvariantCulture);

    private static string Seeds(BoardRow row, BoardRow reference)
        => row.Seeds == reference.Seeds
            ? FormattableString.Invariant($"; {row.Seeds} seeds each")
            : FormattableString.Invariant($"; {row.Seeds} and {reference.Seeds} seeds");

    private static string Cost(BoardRow row, BoardRow reference)
    {
        if (row.Seconds is not > 0 || reference.Seconds is not > 0) return "";
        var times = row.Seconds.Value / reference.Seconds.Value;
        var time = times is > 0.95 and < 1.05 ? "in the same time" : string.Create(CultureInfo.InvariantCulture, $"in {times:0.00} × the time");
        var memory = row.PeakMemoryBytes is > 0 && reference.PeakMemoryBytes is > 0 ? (double)row.PeakMemoryBytes.Value / reference.PeakMemoryBytes.Value : 1;
        var trained = row.TrainableParameters is > 0 && reference.TrainableParameters is > 0
            ? (double)row.TrainableParameters.Value / reference.TrainableParameters.Value
            : 1;
        List<string> costs = [time];
        if (memory is not (> 0.95 and < 1.05)) costs.Add(string.Create(CultureInfo.InvariantCulture, $"{memory:0.00} × the memory"));
        if (trained is not (> 0.95 and < 1.05)) costs.Add(string.Create(CultureInfo.InvariantCulture, $"{Figure(trained)} × the trainable parameters"));
        return ", " + (costs.Count == 1 ? costs[0] : string.Join(", ", costs.SkipLast(1)) + " and " + costs[^1]);
    }

    private static string Figure(double ratio) => ratio.ToString(ratio >= 10 ? "0" : "0.00", CultureInfo.InvariantCulture);

    private static string Provisional(BoardRow row, BoardRow reference) => Surety(row, reference) + Trouble(row) + Trouble(reference);

    // A method that often fails is not better because its luckier runs are.
    private static string Trouble(BoardRow row)
    {
        var collapsed = row.Collapsed == 0
            ? ""
            : row.Runs.Count == 1 ? $" {row.Name} collapsed: it says hardly more than the class shares."
            : FormattableString.Invariant($" {row.Collapsed} of the {row.Runs.Count} runs of {row.Name} collapsed.");
        return collapsed + (row.FailedRuns == 0
            ? ""
            : FormattableString.Invariant($" {row.FailedRuns} more {(row.FailedRuns == 1 ? "run" : "runs")} of {row.Name} failed."));
    }

    private static string Surety(BoardRow row, BoardRow reference)
    {
        if (row.IsBaseline || reference.IsBaseline) return "";
        if (!row.Against!.CoversSeeds) return " This is about these trainings: with one seed each nothing is known of the methods.";
        return row.IsProvisional || reference.IsProvisional ? $" Provisional: fewer than {BoardRow.SureSeeds} seeds." : "";
    }
}

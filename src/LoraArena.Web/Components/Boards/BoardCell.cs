using System.Globalization;
using LoraArena.Core.Competitions;
using LoraArena.Web.Components.Parts;

namespace LoraArena.Web.Components.Boards;

/// <summary>What a cell of the board says.</summary>
internal static class BoardCell
{
    /// <summary>The text of a column of a line.</summary>
    public static string Text(BoardColumn column, BoardRow row) => column.Id switch
    {
        BoardColumns.LogLoss => Show.Loss(row.LogLoss.Value),
        "interval" => row.LogLoss.IsKnown ? $"{Show.Loss(row.LogLoss.Low)} – {Show.Loss(row.LogLoss.High)}" : "–",
        "difference" => row.Against is { Difference: var d }
            ? Signed(d.Value) + (d.IsKnown ? $" [{Signed(d.Low)}, {Signed(d.High)}]" : "") + Mark(row.Standing)
            : "0",
        "p" => row.PAdjusted is { } p ? BoardSentence.P(p) : "–",
        "rank" => row.Rank is { } rank
            ? rank.Best == rank.Worst ? rank.Best.ToString(CultureInfo.InvariantCulture)
            : FormattableString.Invariant($"{rank.Best}–{rank.Worst}")
            : "–",
        "seeds" => row.IsBaseline ? "–" : row.Seeds.ToString(CultureInfo.InvariantCulture),
        "accuracy" => Show.Percent(row.Accuracy),
        "ece" => row.Ece.ToString("0.000", CultureInfo.InvariantCulture),
        "flip_rate" => Show.Percent(row.FlipRate),
        "seconds" => Show.Duration(row.Seconds),
        "tokens_per_second" => row.TokensPerSecond is { } speed ? Show.Count((long)speed) : "–",
        "peak_memory_bytes" => Show.Bytes(row.PeakMemoryBytes),
        "memory_above_base_bytes" => Show.Bytes(row.PeakMemoryAboveBaseBytes),
        "trainable_parameters" => Show.Parameters(row.TrainableParameters),
        "seconds_per_thousandth" => row.SecondsPerThousandth is { } s ? s.ToString(s < 10 ? "0.00 s" : "0 s", CultureInfo.InvariantCulture) : "–",
        _ => "",
    };

    /// <summary>The text of a column of what has ended without success: what it cost is known, nothing else.</summary>
    public static string Text(BoardColumn column, FailedLine line) => column.Id switch
    {
        "seconds" => Show.Duration(line.Seconds) + (line.Runs.Count > 1 && line.Seconds is not null ? " in all" : ""),
        "tokens_per_second" => line.TokensPerSecond is { } speed ? Show.Count((long)speed) : "–",
        "peak_memory_bytes" => Show.Bytes(line.PeakMemoryBytes),
        "memory_above_base_bytes" => Show.Bytes(line.PeakMemoryAboveBaseBytes),
        "trainable_parameters" => Show.Parameters(line.TrainableParameters),
        _ => "–",
    };

    private static string Signed(double value) => value.ToString("+0.0000;−0.0000;0.0000", CultureInfo.InvariantCulture);

    // Colour alone says nothing to some.
    private static string Mark(Standing standing)
        => standing switch { Standing.Better => " better", Standing.Worse => " worse", Standing.CannotBeToldApart => " ≈", _ => "" };
}

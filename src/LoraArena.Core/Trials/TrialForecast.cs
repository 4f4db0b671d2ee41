using System.Globalization;
using LoraArena.Core.Competitions;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Trials;

/// <summary>Says, before anything is trained, what differences a trial will be able to see.</summary>
/// <param name="Power">Spreads that are known or assumed, and the rows.</param>
/// <param name="IsAssumed">True where nothing has been trained with two seeds on these rows yet.</param>
public sealed record TrialForecast(Power Power, bool IsAssumed)
{
    // Seen with LoRA and its relatives on small encoders and some hundred rows; only stands in until the first methods with several seeds are there.
    private const double UsualRowDeviation = 0.03;
    private const double UsualSeedDeviation = 0.003;

    /// <summary>What the board knows of these rows.</summary>
    public static TrialForecast Of(Board board)
        => Power.From([.. board.ComparedRows.Select(r => r.Losses)]) is { } known
            ? new(known, false)
            : new(new Power(UsualRowDeviation, UsualSeedDeviation, Math.Max(1, board.ScoredRows)), true);

    /// <summary>The sentence.</summary>
    /// <param name="seeds">Seeds of each method.</param>
    /// <param name="comparisons">Comparisons with the reference.</param>
    public string Sentence(int seeds, int comparisons)
    {
        var seen = Power.Detectable(seeds, comparisons);
        var half = seen / 2;
        var more = Power.SeedsFor(half, comparisons) is { } needed
            ? FormattableString.Invariant($"for {Figure(half)} you need {needed} seeds")
            : $"no number of seeds shows {Figure(half)} on so few rows";
        var source = IsAssumed ? " Assumed from usual spreads, as no two methods have been trained on these rows with several seeds yet." : "";
        return FormattableString.Invariant($"With these {Power.Rows:#,0} rows and {seeds} {(seeds == 1 ? "seed" : "seeds")} you will see a difference of {Figure(seen)} in 80 of 100 cases ({comparisons} {(comparisons == 1 ? "comparison" : "comparisons")}); {more}.{source}")
            + (seeds == 1 ? " With one seed it is a difference of trainings, not of methods." : "");
    }

    private static string Figure(double value) => value.ToString(value < 0.001 ? "0.0000" : "0.000", CultureInfo.InvariantCulture);
}

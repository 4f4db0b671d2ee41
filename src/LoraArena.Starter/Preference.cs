using LoraArena.Core.Battles;

namespace LoraArena.Starter;

/// <summary>
/// What the simulated judges like, and how sure they are: an answer's utility is a sum over its visible properties, and the outcome follows
/// the model of Davidson (1970), which is Bradley and Terry's with ties: P(A) : P(B) : P(tie) = eᵘ : eᵛ : ν·e^((u + v) / 2).
/// </summary>
internal static class Preference
{
    /// <summary>ν: how often equal answers tie.</summary>
    private const double TieWeight = 1.07;

    /// <summary>Utility of one answer, in logits.</summary>
    public static double Utility(Answer answer)
    {
        var traits = answer.Traits;
        if (traits.Missing) return -4;
        var utility = 0.0;
        if (traits.Refused) utility -= 1.9;
        if (traits.Correct) utility += 1.3;
        if (traits.FormatKept is { } kept) utility += kept ? 0.6 : -0.6;
        if (traits.Strayed) utility -= 1.7;
        if (traits.Polite) utility += 0.6;
        if (traits.Rude) utility -= 2.2;
        if (traits.Apologised) utility -= 0.9;
        if (traits.Hedged) utility -= 0.9;
        if (traits.Reversed) utility -= 1.2;
        utility += 0.35 * traits.Details;
        utility -= 0.2 * traits.Padding;

        // Length is liked up to 240 characters and disliked from 480.
        var length = answer.Text?.Length ?? 0;
        return utility + (0.8 * Math.Min(length, 240) / 240) - (0.4 * Math.Max(0, length - 480) / 240);
    }

    /// <summary>Probabilities of the outcomes when one answer is worth <paramref name="a"/> and the other <paramref name="b"/>.</summary>
    public static Probabilities Outcome(double a, double b)
    {
        var (winA, winB) = (Math.Exp((a - b) / 2), Math.Exp((b - a) / 2));
        var sum = winA + winB + TieWeight;
        return new Probabilities(winA / sum, winB / sum, TieWeight / sum);
    }
}

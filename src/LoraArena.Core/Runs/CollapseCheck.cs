using LoraArena.Core.Battles;
using LoraArena.Core.Metrics;
using static System.FormattableString;

namespace LoraArena.Core.Runs;

/// <summary>Tells a run that went through and has learnt nothing: it says the same of every row, or less than the class shares do.</summary>
public static class CollapseCheck
{
    /// <summary>Probabilities of all rows that lie closer together than this are called the same.</summary>
    public const double SameWithin = 0.005;

    private const string Help = "What usually helps: a learning rate of a tenth, a lower alpha or rank, a longer warm-up, or more steps where there were few.";

    /// <summary>A sentence for people; null where nothing is wrong.</summary>
    /// <param name="predictions">Predictions of the validation rows.</param>
    /// <param name="training">Labels of the training rows.</param>
    public static string? Find(IReadOnlyList<Prediction> predictions, IReadOnlyList<Winner> training)
    {
        var scored = predictions.Where(p => p.Winner is not null).ToList();
        if (scored.Count < 2) return null;
        if (Enum.GetValues<Winner>().All(w => Spread(scored, w) < SameWithin)) return $"The run predicts the same for every row. {Help}";
        var shares = Shares(training);
        var (own, prior) = (Mean(scored, p => p.Probabilities), Mean(scored, _ => shares));
        return own > prior
            ? Invariant($"The run is worse than giving every row the class shares (log loss {own:0.0000} against {prior:0.0000}). {Help}")
            : null;
    }

    private static double Spread(List<Prediction> predictions, Winner winner)
        => predictions.Max(p => p.Probabilities[winner]) - predictions.Min(p => p.Probabilities[winner]);

    private static double Mean(List<Prediction> predictions, Func<Prediction, Probabilities> of)
        => predictions.Average(p => LogLoss.OfRow(of(p), p.Winner!.Value));

    // One more of each, so that none is impossible, as the baseline of the board counts them.
    private static Probabilities Shares(IReadOnlyList<Winner> training)
    {
        double Share(Winner winner) => (training.Count(w => w == winner) + 1.0) / (training.Count + 3);
        return new Probabilities(Share(Winner.ModelA), Share(Winner.ModelB), Share(Winner.Tie));
    }
}

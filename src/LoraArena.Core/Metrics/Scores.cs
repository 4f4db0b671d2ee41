using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Metrics;

/// <summary>How good a set of predictions is on rows whose winner is known.</summary>
/// <param name="LogLoss">Multi-class log loss, as Kaggle computes it. Lower is better.</param>
/// <param name="LogLossLow">Lower bound of its 95 % interval (bootstrap over prompt groups).</param>
/// <param name="LogLossHigh">Upper bound of its 95 % interval.</param>
/// <param name="Accuracy">Share of rows whose most probable outcome is the true one.</param>
/// <param name="Ece">Expected calibration error over 15 bins of confidence.</param>
/// <param name="Rows">Rows scored.</param>
public sealed record Scores(double LogLoss, double LogLossLow, double LogLossHigh, double Accuracy, double Ece, int Rows)
{
    /// <summary>Scores predictions; rows without a winner are left out.</summary>
    /// <exception cref="ArgumentException">No row has a winner.</exception>
    public static Scores Of(IEnumerable<Prediction> predictions)
    {
        var scored = predictions.Where(p => p.Winner is not null).ToList();
        if (scored.Count == 0) throw new ArgumentException("No row has a known winner, so nothing can be scored.", nameof(predictions));
        var rows = scored.Select(p => (p.Probabilities, Winner: p.Winner!.Value)).ToList();
        var logLoss = ClusterBootstrap.Mean([.. rows.Select(r => Metrics.LogLoss.OfRow(r.Probabilities, r.Winner))], [.. scored.Select(p => p.Group)], seed: 0);
        return new Scores(
            logLoss.Value,
            logLoss.Low,
            logLoss.High,
            rows.Average(r => MostProbable(r.Probabilities) == r.Winner ? 1.0 : 0.0),
            CalibrationError(rows),
            rows.Count);
    }

    /// <summary>The most probable outcome; the first of equals, as argmax in NumPy.</summary>
    public static Winner MostProbable(Probabilities p)
        => p.A >= p.B && p.A >= p.Tie ? Winner.ModelA : p.B >= p.Tie ? Winner.ModelB : Winner.Tie;

    /// <summary>
    /// Mean over equal-width bins of the highest probability of |accuracy − confidence|, weighted by rows
    /// (Naeini et al. 2015; 15 bins as in Guo et al. 2017, arXiv:1706.04599).
    /// </summary>
    private static double CalibrationError(List<(Probabilities P, Winner Winner)> rows)
    {
        const int Bins = 15;
        var correct = new double[Bins];
        var confidence = new double[Bins];
        foreach (var (p, winner) in rows)
        {
            var best = MostProbable(p);
            var bin = Math.Clamp((int)Math.Ceiling(p[best] * Bins) - 1, 0, Bins - 1);
            correct[bin] += best == winner ? 1 : 0;
            confidence[bin] += p[best];
        }

        return correct.Zip(confidence, (c, f) => Math.Abs(c - f)).Sum() / rows.Count;
    }
}

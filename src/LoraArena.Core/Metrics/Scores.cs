using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Metrics;

/// <summary>How good a set of predictions is on rows whose winner is known.</summary>
/// <param name="LogLoss">Multi-class log loss, as Kaggle computes it. Lower is better.</param>
/// <param name="LogLossLow">Lower bound of its 95 % interval (bootstrap over prompt groups); null where all rows have the same prompt.</param>
/// <param name="LogLossHigh">Upper bound of its 95 % interval; null likewise.</param>
/// <param name="Accuracy">Share of rows whose most probable outcome is the true one.</param>
/// <param name="Ece">Expected calibration error over 15 bins of confidence.</param>
/// <param name="Rows">Rows scored.</param>
public sealed record Scores(double LogLoss, double? LogLossLow, double? LogLossHigh, double Accuracy, double Ece, int Rows)
{
    /// <summary>Share of rows whose most probable outcome changes with the order of the answers; null where both orders were not predicted.</summary>
    public double? FlipRate { get; init; }

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
            logLoss.IsKnown ? logLoss.Low : null,
            logLoss.IsKnown ? logLoss.High : null,
            rows.Average(r => MostProbable(r.Probabilities) == r.Winner ? 1.0 : 0.0),
            Calibration.Error(rows),
            rows.Count);
    }

    /// <summary>The most probable outcome; the first of equals, as argmax in NumPy.</summary>
    public static Winner MostProbable(Probabilities p)
        => p.A >= p.B && p.A >= p.Tie ? Winner.ModelA : p.B >= p.Tie ? Winner.ModelB : Winner.Tie;
}

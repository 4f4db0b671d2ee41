using LoraArena.Core.Battles;

namespace LoraArena.Core.Metrics;

/// <summary>
/// Multi-class log loss as the competitions score it, which is scikit-learn's <c>log_loss</c> with <c>eps="auto"</c>:
/// probabilities are clipped to [ε, 1 − ε] with the machine epsilon of a double, then rows are divided by their sum.
/// </summary>
public static class LogLoss
{
    /// <summary>Machine epsilon of a double: NumPy's <c>finfo(float64).eps</c>.</summary>
    public const double Epsilon = 2.220446049250313e-16;

    /// <summary>Loss of one row, in nats.</summary>
    public static double OfRow(Probabilities p, Winner winner)
    {
        var (a, b, tie) = (Clip(p.A), Clip(p.B), Clip(p.Tie));
        var hit = winner switch { Winner.ModelA => a, Winner.ModelB => b, _ => tie };
        return -Math.Log(hit / (a + b + tie));
    }

    private static double Clip(double p) => Math.Clamp(p, Epsilon, 1 - Epsilon);
}

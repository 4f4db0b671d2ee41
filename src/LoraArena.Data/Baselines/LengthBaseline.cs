using LoraArena.Core.Battles;

namespace LoraArena.Data.Baselines;

/// <summary>
/// How far the lengths of the answers alone go: multinomial logistic regression with L2 on r = ln(1 + characters of A) − ln(1 + characters of B),
/// |r| and r². Each training row counts in both orders and each prediction is the mean over both, so exchanging the answers exchanges
/// the probabilities exactly.
/// </summary>
public sealed class LengthBaseline : Baseline
{
    /// <summary>Strength of the penalty ½·λ·‖w‖²: scikit-learn's default C = 1.</summary>
    private const double Penalty = 1;

    /// <inheritdoc/>
    public override string Id => "length";

    /// <inheritdoc/>
    public override string Name => "Length only";

    /// <inheritdoc/>
    public override string Summary => "Logistic regression on the ratio of the answers' lengths.";

    /// <inheritdoc/>
    public override Func<Battle, Probabilities> Fit(IReadOnlyList<Battle> train)
    {
        var rows = new double[2 * train.Count][];
        var classes = new int[2 * train.Count];
        for (var i = 0; i < train.Count; i++)
        {
            var (ratio, winner) = (Ratio(train[i]), train[i].Winner ?? throw new ArgumentException($"battle '{train[i].Id}' has no winner", nameof(train)));
            (rows[2 * i], classes[2 * i]) = (Features(ratio), (int)winner);
            (rows[(2 * i) + 1], classes[(2 * i) + 1]) = (Features(-ratio), (int)winner.Swapped());
        }

        var model = LogisticRegression.Fit(rows, classes, Winners.Count, Penalty);
        return battle =>
        {
            var ratio = Ratio(battle);
            return Probabilities.Average(Predict(model, ratio), Predict(model, -ratio).Swapped());
        };
    }

    /// <summary>r of a battle.</summary>
    internal static double Ratio(Battle battle) => Math.Log(1.0 + Characters(battle.ResponsesA)) - Math.Log(1.0 + Characters(battle.ResponsesB));

    /// <summary>r, |r| and r².</summary>
    internal static double[] Features(double ratio) => [ratio, Math.Abs(ratio), ratio * ratio];

    private static Probabilities Predict(LogisticRegression model, double ratio)
    {
        var p = model.Predict(Features(ratio));
        return new Probabilities(p[(int)Winner.ModelA], p[(int)Winner.ModelB], p[(int)Winner.Tie]);
    }

    private static long Characters(IReadOnlyList<string?> answers) => answers.Sum(answer => (long)(answer?.Length ?? 0));
}

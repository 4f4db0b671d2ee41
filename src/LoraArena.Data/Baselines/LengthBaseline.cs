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

    /// <summary>The ratio r alone; the rest follows from it.</summary>
    public override double[] Features(Battle battle) => [Math.Log(1.0 + Characters(battle.ResponsesA)) - Math.Log(1.0 + Characters(battle.ResponsesB))];

    /// <inheritdoc/>
    public override Func<double[], Probabilities> Fit(IReadOnlyList<TrainingRow> train)
    {
        var rows = new double[2 * train.Count][];
        var classes = new int[2 * train.Count];
        for (var i = 0; i < train.Count; i++)
        {
            var (features, winner) = train[i];
            (rows[2 * i], classes[2 * i]) = (Terms(features[0]), (int)winner);
            (rows[(2 * i) + 1], classes[(2 * i) + 1]) = (Terms(-features[0]), (int)winner.Swapped());
        }

        var model = LogisticRegression.Fit(rows, classes, Winners.Count, Penalty);
        return features => Probabilities.Average(Predict(model, features[0]), Predict(model, -features[0]).Swapped());
    }

    private static double[] Terms(double ratio) => [ratio, Math.Abs(ratio), ratio * ratio];

    private static Probabilities Predict(LogisticRegression model, double ratio)
    {
        var p = model.Predict(Terms(ratio));
        return new Probabilities(p[(int)Winner.ModelA], p[(int)Winner.ModelB], p[(int)Winner.Tie]);
    }

    private static long Characters(IReadOnlyList<string?> answers) => answers.Sum(answer => (long)(answer?.Length ?? 0));
}

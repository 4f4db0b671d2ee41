using LoraArena.Core.Battles;
using LoraArena.Core.Metrics;

namespace LoraArena.Core.Tests.Metrics;

public sealed class ScoresTests
{
    private static readonly double[][] Rows =
    [
        [1, 0, 0], [0, 1, 0], [0.2, 0.3, 0.4],
        [0.26046972645074584, 0.4689968936749105, 0.2705333798743436], [0.23323879194382424, 0.2783251298896306, 0.4884360781665453],
        [0.05412937211067487, 0.7665070679299405, 0.1793635599593848], [0.26654401280898504, 0.6760255873542229, 0.05743039983679201],
        [0.029198057758526585, 0.5949698338139494, 0.3758321084275239], [0.6878647494377395, 0.14883736784146878, 0.16329788272079168],
    ];

    private static readonly int[] Truth = [0, 0, 1, 2, 1, 0, 2, 2, 1];

    private static List<Prediction> Predictions
        => [.. Rows.Select((p, i) => new Prediction($"{i}", new Probabilities(p[0], p[1], p[2]), (Winner)Truth[i], $"group {i}"))];

    [Fact]
    public void LogLoss_IsThatOfScikitLearn()
    {
        // sklearn.metrics.log_loss 1.2.1 with eps="auto" on the same rows: a certain hit, a certain miss and a row that does not sum to 1 among them.
        Assert.Equal(5.376184935288408, Scores.Of(Predictions).LogLoss, 12);
    }

    [Fact]
    public void AccuracyAndCalibrationError_AreThoseOfAnIndependentComputation()
    {
        // NumPy: share of argmax hits; 15 bins (low, high] of the highest probability, weighted by rows.
        var scores = Scores.Of(Predictions);
        Assert.Equal(1.0 / 9, scores.Accuracy, 12);
        Assert.Equal(0.564755578930812, scores.Ece, 12);
        Assert.Equal(9, scores.Rows);
    }

    [Fact]
    public void TheConstantFile_ScoresTheLogarithmOfThree()
    {
        var uniform = Predictions.Select(p => p with { Probabilities = Probabilities.Uniform });
        Assert.Equal(Math.Log(3), Scores.Of(uniform).LogLoss, 12);
    }

    [Fact]
    public void RowsWithoutAWinner_AreLeftOut()
    {
        var more = Predictions.Append(new Prediction("x", new Probabilities(1, 0, 0), null, "x"));
        Assert.Equal(Scores.Of(Predictions), Scores.Of(more));
        Assert.Throws<ArgumentException>(() => Scores.Of([new Prediction("x", Probabilities.Uniform, null, "x")]));
    }

    [Fact]
    public void ACertainMiss_CostsThirtySix() => Assert.Equal(36.04365338911715, LogLoss.OfRow(new Probabilities(0, 1, 0), Winner.ModelA), 10);

    [Fact]
    public void SwappingAnswers_SwapsProbabilitiesAndLabels()
    {
        var p = new Probabilities(0.5, 0.3, 0.2);
        foreach (var winner in Enum.GetValues<Winner>()) Assert.Equal(p[winner], p.Swapped()[winner.Swapped()]);
    }
}

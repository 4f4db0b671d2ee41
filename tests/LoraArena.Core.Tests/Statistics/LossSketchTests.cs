using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Metrics;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Tests.Statistics;

public sealed class LossSketchTests
{
    [Fact]
    public void ADifferenceOfSketches_IsTheSketchOfTheDifference()
    {
        var (first, second) = (Losses(1), Losses(2));
        var (a, b) = (Sketch(first), Sketch(second));
        var difference = Sketch([.. first.Zip(second, (x, y) => x - y)]);
        for (var r = 0; r < LossSketch.Size; r++)
        {
            Assert.Equal(difference.Resampled[r], a.Resampled[r] - b.Resampled[r], 1e-12);
            Assert.Equal(difference.Flipped[r], a.Flipped[r] - b.Flipped[r], 1e-12);
        }
    }

    // Ratio estimator over clusters (Cochran 1977, chapter 6): variance Σ (total − mean · count)² / rows².
    [Fact]
    public void TheResampledMeans_SpreadAsTheRatioEstimator_AndTheFlipsAsTheSumOfSquares()
    {
        var sums = GroupSums.Of(Losses(3), Groups);
        var sketch = LossSketch.Of(sums, 9);
        var expected = sums.Totals.Zip(sums.Counts, (t, c) => Math.Pow(t - (sums.Mean * c), 2)).Sum() / Math.Pow(sums.Rows, 2);
        Assert.InRange(Variance(sketch.Resampled) / expected, 0.9, 1.1);
        Assert.InRange(Variance(sketch.Flipped) / (sums.Totals.Sum(t => t * t) / Math.Pow(sums.Rows, 2)), 0.9, 1.1);
    }

    [Fact]
    public void Folds_JoinToTheMeanOfAllRows()
    {
        var (small, large) = (Sketch(Losses(4)[..100], Groups[..100]), Sketch(Losses(5)));
        var joined = LossSketch.Joined([small, large]);
        Assert.Equal(((100 * small.Mean) + (400 * large.Mean)) / 500, joined.Mean, 1e-12);
        Assert.Equal(500, joined.Rows);
        Assert.Equal(small.Groups + large.Groups, joined.Groups);
    }

    // A fold of one prompt is drawn as itself in every resample: no spread is seen of it, and an interval without it would be too narrow.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 170)]
    [InlineData(170, 1)]
    public void FoldsOfWhichOneHasASinglePrompt_GiveNoInterval(int first, int second)
    {
        var folds = new[] { first, second };
        LossSketch Joined(int seed) => LossSketch.Joined([.. folds.Select(groups =>
            Sketch(Losses(seed + groups), [.. Enumerable.Range(0, 400).Select(i => $"{i % groups}")]))]);
        var (a, b, c) = (Joined(1), Joined(2), Joined(3));

        Assert.False(a.MeanInterval().IsKnown);
        var single = MethodComparison.Of(new MethodLosses([a]), new MethodLosses([b]));
        Assert.Equal((a.Mean - b.Mean, false), (single.Difference.Value, single.Difference.IsKnown));
        Assert.InRange(single.P, 0.0001, 1);
        Assert.False(MethodComparison.Of(new MethodLosses([a, c]), new MethodLosses([b])).Difference.IsKnown);

        var two = LossSketch.Joined([Sketch(Losses(4)), Sketch(Losses(5))]);
        Assert.True(two.MeanInterval().IsKnown);
    }

    [Fact]
    public void RankIntervals_KeepApartWhatIsSurelyApart_AndShareWhatIsNot()
    {
        var losses = Losses(6);
        double[] Worse(double by, int seed) => [.. losses.Zip(Losses(seed), (x, y) => x + by + (0.1 * (y - 1)))];
        MethodLosses[] methods = [new([Sketch(Worse(0, 7))]), new([Sketch(Worse(0.001, 8))]), new([Sketch(Worse(0.5, 9))])];
        var ranks = RankInterval.Of(methods);
        Assert.Equal([new RankInterval(1, 2), new RankInterval(1, 2), new RankInterval(3, 3)], ranks);
    }

    [Fact]
    public void ALossTable_ReadsBackAsItWasWritten_AndADamagedOneAsNone()
    {
        var folder = Directory.CreateTempSubdirectory("losses-");
        try
        {
            var path = Path.Join(folder.FullName, "losses.bin");
            var predictions = Predictions().ToList();
            var written = LossTable.Write(path, predictions);
            var (read, sums) = LossTable.TryReadRows(path)!.Value;
            Assert.Equal(written.RowsHash, read.RowsHash);
            Assert.Equal(written.Sketch.Resampled, read.Sketch.Resampled);
            Assert.Equal(written.Sketch.Flipped, read.Sketch.Flipped);
            Assert.Equal(written.Sketch.Mean, sums.Mean, 1e-6);
            Assert.Equal(Scores.Of(predictions).LogLoss, read.Sketch.Mean, 1e-12);

            // The bits at its end say where groups begin: without them a row has no group.
            var bytes = File.ReadAllBytes(path);
            bytes.AsSpan(bytes.Length - ((predictions.Count + 7) / 8)).Clear();
            AtomicFile.WriteBytes(path + ".zeroed", bytes);
            Assert.Null(LossTable.TryReadRows(path + ".zeroed"));

            File.Delete(path + ".gone");
            Assert.Null(LossTable.TryRead(path + ".gone"));
            using (var file = File.OpenWrite(path)) file.SetLength(file.Length - 1);
            Assert.Null(LossTable.TryRead(path));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void RowsInAnotherOrder_HaveTheSameHash_AndAnotherLabelAnotherOne()
    {
        var predictions = Predictions().ToList();
        var hash = ScoredRows.Of(predictions).Hash;
        Assert.Equal(hash, ScoredRows.Of(predictions.AsEnumerable().Reverse().Select(p => p with { Probabilities = Probabilities.Uniform })).Hash);
        Assert.NotEqual(hash, ScoredRows.Of(predictions.Select((p, i) => i == 3
            ? p with { Winner = p.Winner!.Value.Swapped() == p.Winner ? Winner.ModelA : Winner.Tie }
            : p)).Hash);
        Assert.NotEqual(hash, ScoredRows.Of(predictions.Skip(1)).Hash);
        Assert.Throws<ArgumentException>(() => ScoredRows.Of([.. predictions, predictions[0]]));
    }

    [Fact]
    public void TheFlipRate_CountsRowsWhoseAnswerDependsOnTheOrder()
    {
        Probabilities a = new(0.6, 0.3, 0.1), b = new(0.3, 0.6, 0.1);
        Assert.Equal(0, Calibration.FlipRate([a, b], [b, a]));
        Assert.Equal(0.5, Calibration.FlipRate([a, b], [a, a]));
    }

    private static readonly string[] Groups = [.. Enumerable.Range(0, 400).Select(i => $"{i / 2 % 170}")];

    private static double[] Losses(int seed)
    {
        var random = new SeededRandom(seed);
        return [.. Groups.Select(_ => 1 - Math.Log(1 - random.NextDouble()) - 1)];
    }

    private static LossSketch Sketch(double[] losses, string[]? groups = null) => LossSketch.Of(GroupSums.Of(losses, groups ?? Groups), seed: 9);

    private static IEnumerable<Prediction> Predictions()
    {
        var random = new SeededRandom(8);
        for (var i = 0; i < 50; i++)
        {
            var (x, y) = (0.1 + (0.4 * random.NextDouble()), 0.1 + (0.4 * random.NextDouble()));
            yield return new Prediction($"{i}", new Probabilities(x, y, 1 - x - y), (Winner)random.Next(3), $"g{i / 3}");
        }
    }

    private static double Variance(double[] values)
    {
        var mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1);
    }
}

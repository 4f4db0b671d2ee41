using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Tests.Statistics;

public sealed class ClusterBootstrapTests
{
    [Fact]
    public void Mean_OfIndependentRows_HasTheIntervalOfTheNormalDistribution()
    {
        var random = new SeededRandom(1);
        var values = Enumerable.Range(0, 2000).Select(_ => random.NextDouble()).ToList();
        var interval = ClusterBootstrap.Mean(values, [.. values.Select((_, i) => $"{i}")], seed: 0);

        // A uniform number has variance 1/12; the half-width of the mean's interval is 1.96 √(1/12 / 2000).
        var half = 1.96 * Math.Sqrt(1.0 / 12 / 2000);
        Assert.Equal(values.Average(), interval.Value, 12);
        Assert.InRange(interval.High - interval.Value, half * 0.9, half * 1.1);
        Assert.InRange(interval.Value - interval.Low, half * 0.9, half * 1.1);
    }

    [Fact]
    public void Mean_OfRowsThatRepeatOneAnother_IsAsUnsureAsOneRowOfEach()
    {
        var random = new SeededRandom(2);
        var once = Enumerable.Range(0, 400).Select(_ => random.NextDouble()).ToList();
        var groups = once.Select((_, i) => $"{i}").ToList();
        var alone = ClusterBootstrap.Mean(once, groups, seed: 0);
        var fourfold = ClusterBootstrap.Mean([.. once, .. once, .. once, .. once], [.. groups, .. groups, .. groups, .. groups], seed: 0);
        var ignoringGroups = ClusterBootstrap.Mean([.. once, .. once, .. once, .. once], [.. Enumerable.Range(0, 1600).Select(i => $"{i}")], seed: 0);
        Assert.InRange((fourfold.High - fourfold.Low) / (alone.High - alone.Low), 0.9, 1.1);
        Assert.InRange((ignoringGroups.High - ignoringGroups.Low) / (alone.High - alone.Low), 0.4, 0.6);
    }

    [Fact]
    public void OneGroup_SaysNothingOfOthers_SoThereIsNoInterval()
    {
        var one = ClusterBootstrap.Mean([0.2, 0.4], ["a", "a"], seed: 0);
        Assert.Equal(0.3, one.Value, 12);
        Assert.False(one.IsKnown);
        Assert.True(ClusterBootstrap.Mean([0.2, 0.4], ["a", "b"], seed: 0).IsKnown);

        var scores = LoraArena.Core.Metrics.Scores.Of([new Prediction("1", new Probabilities(0.5, 0.3, 0.2), Winner.ModelA, "a")]);
        Assert.Equal((null, null), (scores.LogLossLow, scores.LogLossHigh));
        var (first, second) = (LossSketch.Of(new GroupSums([0.9], [1]), 1), LossSketch.Of(new GroupSums([0.4], [1]), 1));
        var compared = MethodComparison.Of(new MethodLosses([first]), new MethodLosses([second]));
        Assert.False(compared.Difference.IsKnown);
        Assert.True(compared.P > 0.05);
        Assert.Contains("no interval", LoraArena.Core.Competitions.BoardSentence.Span(compared.Difference, "0.0"), StringComparison.Ordinal);
    }

    [Fact]
    public void SignFlip_FindsARealDifference_AndNoneInNoise()
    {
        var random = new SeededRandom(3);
        var noise = Enumerable.Range(0, 300).Select(_ => random.NextDouble() - 0.5).ToList();
        var groups = noise.Select((_, i) => $"{i}").ToList();
        Assert.True(SignFlipTest.P([.. noise.Select(v => v + 0.1)], groups) < 0.001);
        Assert.True(SignFlipTest.P(noise, groups) > 0.05);
    }

    [Fact]
    public void SignFlip_OfRowsWithoutEffect_IsBelowFivePercentInAboutOneCaseOfTwenty()
    {
        var random = new SeededRandom(4);
        var groups = Enumerable.Range(0, 60).Select(i => $"{i / 2}").ToList();
        var low = Enumerable.Range(0, 200).Count(_ => SignFlipTest.P([.. groups.Select(_ => random.NextDouble() - 0.5)], groups) < 0.05);

        // Binomial(200, 0.05): 99.9 % of it lies within 2 … 21.
        Assert.InRange(low, 2, 21);
    }

    [Fact]
    public void PairedComparison_UsesTheRowsThatBothHave()
    {
        Prediction Row(int id, double a, Winner? winner = Winner.ModelA) => new($"{id}", new Probabilities(a, 1 - a, 0), winner, $"{id}");
        var better = Enumerable.Range(0, 50).Select(i => Row(i, 0.8)).ToList();
        var worse = Enumerable.Range(10, 60).Select(i => Row(i, 0.5)).Append(Row(99, 0.5, winner: null)).ToList();
        var comparison = PairedComparison.Of(better, worse);
        Assert.Equal(40, comparison.Rows);
        Assert.Equal(Math.Log(0.5) - Math.Log(0.8), comparison.Difference.Value, 10);
        Assert.True(comparison.Difference.ExcludesZero);
        Assert.Throws<ArgumentException>(() => PairedComparison.Of(better, [Row(99, 0.5)]));
    }
}

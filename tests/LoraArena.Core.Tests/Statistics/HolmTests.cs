using CsCheck;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Tests.Statistics;

public sealed class HolmTests
{
    // The worked example of Wikipedia's "Holm–Bonferroni method": of H1 to H4, H1 and H4 are rejected at 5 %.
    // The adjusted values are those of R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    [Fact]
    public void Adjust_GivesThePublishedValues()
    {
        var adjusted = Holm.Adjust([0.01, 0.04, 0.03, 0.005]);

        Assert.Equal([0.03, 0.06, 0.06, 0.02], adjusted.Select(p => Math.Round(p, 12)));
    }

    [Fact]
    public void Adjust_LeavesASingleTestAsItIs() => Assert.Equal([0.2], Holm.Adjust([0.2]));

    [Fact]
    public void Adjust_OfNothingIsNothing() => Assert.Empty(Holm.Adjust([]));

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Adjust_RefusesWhatIsNoProbability(double p) => Assert.Throws<ArgumentOutOfRangeException>(() => Holm.Adjust([0.5, p]));

    [Fact]
    public void Adjust_KeepsTheOrderAndLiesBetweenTheValueAndBonferronis() => Gen.Double[0, 1].List[1, 20].Sample(values =>
    {
        var adjusted = Holm.Adjust(values);
        for (var i = 0; i < values.Count; i++)
        {
            Assert.InRange(adjusted[i], values[i], Math.Min(1, values.Count * values[i]));
            for (var j = 0; j < values.Count; j++)
            {
                if (values[i] < values[j]) Assert.True(adjusted[i] <= adjusted[j]);
            }
        }
    });

    // Holm's procedure as it was published: go from the smallest p on and stop at the first above α / (m − k + 1).
    [Fact]
    public void Adjust_RejectsWhatTheStepDownProcedureRejects() => Gen.Select(Gen.Double[0, 0.2].List[1, 12], Gen.Double[0.01, 0.2]).Sample((values, level) =>
    {
        var rejected = new HashSet<int>();
        foreach (var (i, k) in Enumerable.Range(0, values.Count).OrderBy(i => values[i]).Select((i, k) => (i, k)))
        {
            if (values[i] * (values.Count - k) > level) break;
            rejected.Add(i);
        }

        var adjusted = Holm.Adjust(values);
        Assert.Equal(rejected.Order(), Enumerable.Range(0, values.Count).Where(i => adjusted[i] <= level));
    });
}

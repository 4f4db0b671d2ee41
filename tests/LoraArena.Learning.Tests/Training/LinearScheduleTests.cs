using CsCheck;
using LoraArena.Learning.Training;

namespace LoraArena.Learning.Tests.Training;

public sealed class LinearScheduleTests
{
    [Fact]
    public void ItRisesAndFallsInStraightLines()
    {
        // By hand: 10 steps, 4 of them warm-up.
        var schedule = new LinearSchedule(2, 10, 0.4);
        double[] expected = [0.5, 1, 1.5, 2, 2, 10.0 / 6, 8.0 / 6, 1, 4.0 / 6, 2.0 / 6, 0];
        Assert.All(expected.Select((rate, step) => schedule.At(step) - rate), difference => Assert.Equal(0, difference, 12));
    }

    [Fact]
    public void EveryStepOfAPlanMoves_AndNoneAboveThePeak()
        => Gen.Select(Gen.Int[1, 3000], Gen.Double[0, 1]).Sample((steps, ratio) =>
        {
            var schedule = new LinearSchedule(3e-4, steps, ratio);
            var rates = Enumerable.Range(0, steps).Select(step => schedule.At(step)).ToList();
            Assert.All(rates, rate => Assert.InRange(rate, double.Epsilon, 3e-4 * (1 + 1e-12)));
            Assert.Equal(3e-4, rates.Max(), 12);
            Assert.Equal(0, schedule.At(steps));
        }, iter: 200);
}

using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>Masks of dropout as a function of their seed.</summary>
public sealed class DropoutMaskTests
{
    [Theory]
    [InlineData(0.05)]
    [InlineData(0.5)]
    public void AMask_KeepsTheShareThatItShould_AndIsTheSameForASeed(double p)
    {
        using var scope = NewDisposeScope();
        var like = empty(997, 131);
        var mask = DropoutMask.Like(like, p, seed: 7);
        var n = (double)like.numel();
        Assert.InRange(mask.mean().ToDouble(), 1 - p - (5 * Math.Sqrt(p * (1 - p) / n)), 1 - p + (5 * Math.Sqrt(p * (1 - p) / n)));
        Assert.Equal(0, (mask - DropoutMask.Like(like, p, seed: 7)).abs().sum().ToDouble());
    }

    [Fact]
    public void MasksOfNeighbouringSeedsAndPlaces_HaveNothingToDoWithOneAnother()
    {
        using var scope = NewDisposeScope();
        var like = empty(200_000);
        var (first, second) = (DropoutMask.Like(like, 0.5, 1) - 0.5, DropoutMask.Like(like, 0.5, 2) - 0.5);
        var limit = 5 * 0.25 / Math.Sqrt(like.numel());
        Assert.InRange((first * second).mean().ToDouble(), -limit, limit);
        Assert.InRange((first.narrow(0, 0, 199_999) * first.narrow(0, 1, 199_999)).mean().ToDouble(), -limit, limit);

        // The negative control: what goes together is seen.
        Assert.True((first * first).mean().ToDouble() > limit);
    }
}

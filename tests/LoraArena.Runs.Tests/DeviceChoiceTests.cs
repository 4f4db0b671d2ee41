using LoraArena.Runs.Launching;

namespace LoraArena.Runs.Tests;

public sealed class DeviceChoiceTests
{
    private static readonly string[] TwoGpus = ["cuda:0", "cuda:1", "cpu"];

    [Theory]
    [InlineData("auto", "", "cuda:0")]
    [InlineData("auto", "cuda:0", "cuda:1")]
    [InlineData("auto", "cuda:1", "cuda:0")]
    [InlineData("auto", "cuda:0 cuda:1", "cuda:0")]
    [InlineData("auto", "cuda:0 cuda:1 cuda:0", "cuda:1")]
    [InlineData("cuda", "cuda:0", "cuda:0")]
    [InlineData("cuda:1", "cuda:1", "cuda:1")]
    [InlineData("cpu", "", "cpu")]
    public void ARun_GetsTheGpuWithTheFewestRuns_UnlessItNamesOne(string wanted, string taken, string expected)
        => Assert.Equal(expected, DeviceChoice.Pick(wanted, TwoGpus, taken.Split(' ', StringSplitOptions.RemoveEmptyEntries)));

    [Fact]
    public void WithoutAGpu_TheProcessorIsShared() => Assert.Equal("cpu", DeviceChoice.Pick("auto", ["cpu"], ["cpu"]));
}

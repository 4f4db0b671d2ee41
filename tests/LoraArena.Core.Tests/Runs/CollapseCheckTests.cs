using LoraArena.Core.Battles;
using LoraArena.Core.Runs;

namespace LoraArena.Core.Tests.Runs;

public sealed class CollapseCheckTests
{
    private static readonly Winner[] Training =
        [.. Enumerable.Repeat(Winner.ModelA, 50), .. Enumerable.Repeat(Winner.ModelB, 30), .. Enumerable.Repeat(Winner.Tie, 20)];

    private static Prediction Row(int i, Probabilities p, Winner winner) => new($"r{i}", p, winner, $"g{i}");

    [Fact]
    public void TheSameForEveryRow_IsNamed_HoweverGoodItIs()
    {
        var rows = Enumerable.Range(0, 20).Select(i => Row(i, new Probabilities(0.5 + i * 1e-5, 0.3, 0.2 - i * 1e-5), Winner.ModelA)).ToList();
        Assert.StartsWith("The run predicts the same for every row.", CollapseCheck.Find(rows, Training), StringComparison.Ordinal);
    }

    [Fact]
    public void WorseThanTheClassShares_IsNamed_WithBothNumbers()
    {
        // Sure and wrong for every row: a log loss of -ln 0.05. The shares with one more of each: 51, 31 and 21 of 103.
        var rows = Enumerable.Range(0, 20)
            .Select(i => i % 2 == 0 ? Row(i, new Probabilities(0.9, 0.05, 0.05), Winner.ModelB) : Row(i, new Probabilities(0.05, 0.9, 0.05), Winner.ModelA))
            .ToList();
        var prior = (-Math.Log(31 / 103.0) - Math.Log(51 / 103.0)) / 2;
        Assert.Contains(
            FormattableString.Invariant($"(log loss {-Math.Log(0.05):0.0000} against {prior:0.0000})"), CollapseCheck.Find(rows, Training),
            StringComparison.Ordinal);
    }

    [Fact]
    public void ARunThatHasLearntSomething_IsNot()
    {
        var rows = Enumerable.Range(0, 20)
            .Select(i => i % 2 == 0 ? Row(i, new Probabilities(0.2, 0.6, 0.2), Winner.ModelB) : Row(i, new Probabilities(0.6, 0.2, 0.2), Winner.ModelA))
            .ToList();
        Assert.Null(CollapseCheck.Find(rows, Training));
    }
}

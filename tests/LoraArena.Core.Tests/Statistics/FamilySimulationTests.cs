using LoraArena.Core.Statistics;

namespace LoraArena.Core.Tests.Statistics;

/// <summary>
/// What the board promises, held against families whose truth is known. The suite draws some; a thousand of each:
/// <c>dotnet exec artifacts/bin/LoraArena.Core.Tests/debug/LoraArena.Core.Tests.dll -explicit only -class "*FamilySimulationTests"</c>.
/// </summary>
public sealed class FamilySimulationTests(ITestOutputHelper output)
{
    private const int Many = 1000;
    private const int Some = 60;

    // 60 families: 99.9 % of Binomial(60, 0.05) lies in 0 … 10, of Binomial(60, 0.95) in 50 … 60, of Binomial(60, 0.8) in 37 … 58.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void WithoutAnEffect_FewFamiliesShowOne_AndIntervalsCoverTheTruth(int seeds)
    {
        var (found, covered) = Without(seeds, Some);
        Assert.InRange(found, 0, 10);
        Assert.InRange(covered, 50, 60);
    }

    [Fact]
    public void PlantedEffects_AreFoundAsOftenAsPromised() => Assert.InRange(Planted(3, Some), 37, 58);

    [Theory(Explicit = true)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void AThousandFamiliesWithoutAnEffect_KeepTheErrorRate_AndCoverAt95PlusMinus1Point5(int seeds)
    {
        var (found, covered) = Without(seeds, Many);
        output.WriteLine($"{seeds} seeds: {found / 10.0} % of families show an effect that is not there; {covered / 10.0} % of intervals cover");

        // 5 % of 1,000, and two standard errors of the count.
        Assert.InRange(found, 0, 50 + 14);
        Assert.InRange(covered, 935, 965);
    }

    [Theory(Explicit = true)]
    [InlineData(0.25, 0.0, 0.3)]
    [InlineData(0.02, 0.004, 0.3)]
    [InlineData(0.25, 0.03, 0.1)]
    public void OtherMixturesOfTheLayers_CoverToo(double methodByRow, double seed, double rest)
    {
        var (found, covered) = Without(3, Many, new SimulatedFamily(methodByRow, seed, rest));
        output.WriteLine($"rows {methodByRow}, seeds {seed}, rest {rest}: {found / 10.0} % of families, {covered / 10.0} % of intervals");
        Assert.InRange(found, 0, 50 + 14);
        Assert.InRange(covered, 935, 970);
    }

    [Theory(Explicit = true)]
    [InlineData(3)]
    [InlineData(6)]
    public void AThousandPlantedEffects_AreFoundAsOftenAsPromised(int seeds)
    {
        var found = Planted(seeds, Many);
        output.WriteLine($"{seeds} seeds: {found / 10.0} % found");
        Assert.InRange(found, 760, 860);
    }

    /// <summary>Families in which something is found at 5 %, and families whose first interval covers the truth, which is 0.</summary>
    private static (int Found, int Covered) Without(int seeds, int families, SimulatedFamily? truth = null)
    {
        truth ??= new SimulatedFamily();
        var (found, covered) = (0, 0);
        for (var f = 0; f < families; f++)
        {
            var methods = truth.Draw(f, [0, 0, 0, 0], seeds);
            var compared = methods.Skip(1).Select(m => MethodComparison.Of(m, methods[0])).ToList();
            if (Holm.Adjust([.. compared.Select(c => c.P)]).Any(p => p <= 0.05)) found++;
            if (!compared[0].Difference.ExcludesZero) covered++;
        }

        return (found, covered);
    }

    /// <summary>Families in which a difference is found that is as large as what the power computation says is found in 80 of 100.</summary>
    private static int Planted(int seeds, int families)
    {
        var truth = new SimulatedFamily();
        var effect = truth.Power.Detectable(seeds);
        return Enumerable.Range(0, families).Count(f =>
        {
            var methods = truth.Draw(10_000 + f, [0, effect], seeds);
            return MethodComparison.Test(methods[1], methods[0]) <= 0.05;
        });
    }
}

using System.Text.Json;
using LoraArena.Core.Battles;
using LoraArena.Core.Json;
using LoraArena.Core.Metrics;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Tests.Statistics;

/// <summary>Fixtures/statistics.json holds what SciPy 1.10 and exact counting in Python say; statistics.py beside it made it.</summary>
public sealed class AgainstSciPyTests
{
    private const double Exact = 1e-6;

    private static readonly Expected Said = JsonSerializer.Deserialize<Expected>(
        File.ReadAllBytes(Path.Join(AppContext.BaseDirectory, "Fixtures", "statistics.json")),
        ArenaJson.Line)!;

    [Fact]
    public void SignFlipP_OfFewGroups_IsThatOfAllArrangements()
        => Assert.All(Said.SignFlip, c => Assert.Equal(c.P, SignFlipTest.P(c.Values, c.Groups), Exact));

    // From p = 0.4 to 10⁻²⁵ the saddlepoint formula is right to 2 % of the value: far finer than any number of random arrangements.
    [Fact]
    public void SignFlipP_OfManyGroups_IsThatOfAllArrangements_FarIntoTheTail()
    {
        Assert.Contains(Said.Counted, c => c.P < 1e-8);
        Assert.All(Said.Counted, c => Assert.InRange(SignFlipTest.P(c.Totals) / c.P, 0.98, 1.02));
    }

    // Where rows do not vary, methods with seeds are two samples: Welch's test.
    [Fact]
    public void MethodsWhoseRowsDoNotVary_AreComparedByWelchsTest() => Assert.All(Said.Welch, c =>
    {
        var compared = MethodComparison.Of(Constant(c.First), Constant(c.Second));
        Assert.Equal(c.P, compared.P, Exact);
        Assert.Equal(c.Low, compared.Difference.Low, Exact);
        Assert.Equal(c.High, compared.Difference.High, Exact);
    });

    [Fact]
    public void TheNoncentralT_IsSciPys()
        => Assert.All(Said.Noncentral, c => Assert.Equal(c.P, Power.UpperTail(c.Critical, c.Freedom, c.Shift), Exact));

    [Fact]
    public void TheCalibrationError_IsThatOfSciPysBins()
    {
        var rows = Said.Calibration.Probabilities.Zip(Said.Calibration.Winners, (p, w) => (new Probabilities(p[0], p[1], p[2]), (Winner)w)).ToList();
        Assert.Equal(Said.Calibration.Ece, Calibration.Error(rows), Exact);
    }

    private static MethodLosses Constant(double[] means) => new([.. means.Select(m =>
    {
        var resampled = new double[LossSketch.Size];
        Array.Fill(resampled, m);
        return new LossSketch(1000, 1000, m, resampled, new double[LossSketch.Size]);
    })]);

    private sealed record Expected(SignFlipCase[] SignFlip, CountedCase[] Counted, WelchCase[] Welch, NoncentralCase[] Noncentral, CalibrationCase Calibration);

    private sealed record SignFlipCase(double[] Values, string[] Groups, double P);

    private sealed record CountedCase(double[] Totals, double P);

    private sealed record WelchCase(double[] First, double[] Second, double P, double Low, double High);

    private sealed record NoncentralCase(double Critical, double Freedom, double Shift, double P);

    private sealed record CalibrationCase(double[][] Probabilities, int[] Winners, double Ece);
}

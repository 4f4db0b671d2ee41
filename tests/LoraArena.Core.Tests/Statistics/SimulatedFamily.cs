using LoraArena.Core.Statistics;
using MathNet.Numerics.Distributions;

namespace LoraArena.Core.Tests.Statistics;

/// <summary>
/// Methods with known effects on made-up rows: a row's difficulty is everybody's, each method has rows that suit it, each seed its luck, and
/// each seed does better or worse on single rows. Rows of a group resemble one another; what a row brings is skewed, as losses are.
/// </summary>
internal sealed record SimulatedFamily(double MethodByRow = 0.25, double Seed = 0.004, double Rest = 0.3)
{
    private const int Groups = 160;

    /// <summary>Rows of each group: 1, 2 or 3.</summary>
    private static readonly int[] Counts = [.. Enumerable.Range(0, Groups).Select(g => 1 + (g % 3))];

    private static readonly int Rows = Counts.Sum();

    /// <summary>What the power computation is told of these methods.</summary>
    public Power Power
    {
        get
        {
            // Rows of a group share what is theirs, so a mean over rows has the variance σ² Σ count² / rows².
            var share = Counts.Sum(c => (double)c * c) / Rows;
            return new Power(Math.Sqrt(2 * share) * MethodByRow, Math.Sqrt((Seed * Seed) + (Rest * Rest * share / Rows)), Rows);
        }
    }

    /// <summary>Draws a family.</summary>
    /// <param name="number">Names it.</param>
    /// <param name="effects">True effect of each method.</param>
    /// <param name="seeds">Seeds of each method.</param>
    public IReadOnlyList<MethodLosses> Draw(long number, IReadOnlyList<double> effects, int seeds)
    {
        var random = new SeededRandom(number, 77);
        var difficulty = Counts.Select(_ => 0.4 * Skewed(random)).ToArray();
        return [.. effects.Select(effect =>
        {
            var ofMethod = Counts.Select(_ => MethodByRow * Skewed(random)).ToArray();
            return new MethodLosses([.. Enumerable.Range(0, seeds).Select(_ =>
            {
                var ofSeed = Seed * Gauss(random);
                var totals = Counts.Select((count, g) => count * (1 + effect + difficulty[g] + ofMethod[g] + ofSeed + (Rest * Skewed(random)))).ToArray();
                return LossSketch.Of(new GroupSums(totals, Counts), seed: 5);
            })]);
        })];
    }

    // Mean 0, variance 1, a long tail to the right: a gamma of shape 4, as the sum of four exponentials.
    private static double Skewed(SeededRandom random)
    {
        var sum = 0.0;
        for (var i = 0; i < 4; i++) sum -= Math.Log(1 - random.NextDouble());
        return (sum - 4) / 2;
    }

    private static double Gauss(SeededRandom random) => Normal.InvCDF(0, 1, Math.Clamp(random.NextDouble(), 1e-12, 1 - 1e-12));
}

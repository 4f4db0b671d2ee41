using MathNet.Numerics.Distributions;
using MathNet.Numerics.Integration;

namespace LoraArena.Core.Statistics;

/// <summary>
/// What a comparison will be able to see, before anything is trained: the power of the test of <see cref="MethodComparison"/> with as many
/// seeds a side, tested as one of several by the first step of Holm (level / comparisons, which the others only relax).
/// </summary>
/// <param name="RowDeviation">
/// Standard deviation over groups of the difference of two methods' losses that other seeds would show again, scaled to one row; its part of
/// the variance falls with rows.
/// </param>
/// <param name="SeedDeviation">Standard deviation of a method's mean log loss from seed to seed on these rows; its part falls with seeds.</param>
/// <param name="Rows">Rows that are scored.</param>
public sealed record Power(double RowDeviation, double SeedDeviation, int Rows)
{
    /// <summary>Chance, as usual, of finding an effect that is there.</summary>
    public const double Usual = 0.8;

    /// <summary>
    /// What is known from methods that have been trained already, several seeds each: spreads over all pairs of them, pooled; null where fewer
    /// than two methods have a second seed: rows show their spread in pairs only.
    /// </summary>
    /// <param name="methods">The methods, all on the same rows.</param>
    public static Power? From(IReadOnlyList<MethodLosses> methods)
    {
        var seeded = methods.Where(m => m.Seeds > 1).ToList();
        if (seeded.Count < 2) return null;
        var seed = seeded.Sum(m => (m.Seeds - 1) * m.SeedVariance!.Value) / seeded.Sum(m => m.Seeds - 1);
        var rows = new List<double>();
        for (var i = 0; i < seeded.Count; i++)
        {
            for (var j = i + 1; j < seeded.Count; j++) rows.Add(MethodComparison.RowVariance(seeded[i], seeded[j]) * seeded[i].Average.Rows);
        }

        return new Power(Math.Sqrt(rows.Average()), Math.Sqrt(seed), seeded[0].Average.Rows);
    }

    /// <summary>Chance that a real difference is found.</summary>
    /// <param name="difference">The true difference of mean log losses.</param>
    /// <param name="seeds">Seeds of each method.</param>
    /// <param name="comparisons">Comparisons in the family.</param>
    /// <param name="level">Level of the family.</param>
    public double Of(double difference, int seeds, int comparisons = 1, double level = 0.05)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(seeds, 1);
        var (variance, freedom) = Error(seeds);
        var critical = StudentT.InvCDF(0, 1, freedom, 1 - (level / comparisons / 2));
        var shift = Math.Abs(difference) / Math.Sqrt(variance);
        return UpperTail(critical, freedom, shift) + UpperTail(critical, freedom, -shift);
    }

    /// <summary>The smallest difference that is found with a chance of <paramref name="power"/>.</summary>
    public double Detectable(int seeds, int comparisons = 1, double power = Usual, double level = 0.05)
    {
        var unit = Math.Sqrt(Error(seeds).Variance);
        var (low, high) = (0.0, 1.0);
        while (Of(high * unit, seeds, comparisons, level) < power) high *= 2;
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            if (Of(middle * unit, seeds, comparisons, level) < power) low = middle;
            else high = middle;
        }

        return high * unit;
    }

    /// <summary>The fewest seeds a method with which a difference is found; null where a thousand are too few.</summary>
    public int? SeedsFor(double difference, int comparisons = 1, double power = Usual, double level = 0.05)
    {
        for (var seeds = 2; seeds <= 1000; seeds++)
        {
            if (Of(difference, seeds, comparisons, level) >= power) return seeds;
        }

        return null;
    }

    /// <summary>P(T &gt; <paramref name="critical"/>) of Student's noncentral t: the normal tail averaged over the distribution of χ.</summary>
    /// <param name="critical">Where the tail begins.</param>
    /// <param name="freedom">Degrees of freedom.</param>
    /// <param name="shift">The noncentrality.</param>
    public static double UpperTail(double critical, double freedom, double shift)
    {
        if (freedom > 1e6) return Normal.CDF(0, 1, shift - critical);

        // T = (Z + shift) / √(W / ν) with W ~ χ²(ν): P(T > c) = E Φ(shift − c √(W / ν)). The integral runs over s = √(W / ν).
        var logScale = Math.Log(2) + (freedom / 2 * Math.Log(freedom / 2)) - MathNet.Numerics.SpecialFunctions.GammaLn(freedom / 2);
        double Density(double s) => s <= 0 ? 0 : Math.Exp(logScale + ((freedom - 1) * Math.Log(s)) - (freedom * s * s / 2));
        var spread = 1 / Math.Sqrt(2 * freedom);
        var (from, to) = (Math.Max(0, 1 - (12 * spread)), 1 + (12 * spread));
        const int Parts = 64;
        var sum = 0.0;
        for (var part = 0; part < Parts; part++)
        {
            var (a, b) = (from + ((to - from) * part / Parts), from + ((to - from) * (part + 1) / Parts));
            sum += GaussLegendreRule.Integrate(s => Normal.CDF(0, 1, shift - (critical * s)) * Density(s), a, b, 16);
        }

        return sum;
    }

    // With one seed only rows vary, and what is found is about the checkpoints.
    private (double Variance, double Freedom) Error(int seeds)
    {
        var rows = RowDeviation * RowDeviation / Rows;
        if (seeds == 1) return (Math.Max(rows, double.Epsilon), 1e7);
        var ofSeeds = 2 * SeedDeviation * SeedDeviation / seeds;
        var freedom = 2.0 * (seeds - 1);
        var total = rows + ofSeeds;
        return total > 0
            ? (total, total * total / Math.Max(double.Epsilon, (ofSeeds * ofSeeds / freedom) + (rows * rows / Math.Max(1, Rows - 1))))
            : (double.Epsilon, freedom);
    }
}

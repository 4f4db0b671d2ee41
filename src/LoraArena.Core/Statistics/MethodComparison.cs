using MathNet.Numerics.Distributions;

namespace LoraArena.Core.Statistics;

/// <summary>
/// One method compared with another on the same rows, each trained with one or several seeds.
/// <para>
/// Rows and seeds are two layers of chance. The loss of seed s on row group i is μ + row(i) + seed(s) + rest(i, s), and the variance of a
/// difference of averages is estimated as in a crossed design without replication (Cornfield and Tukey 1956; Owen 2007, Ann. Appl. Stat. 1,
/// 386–411): V = max(0, V_rows − V_rest) + V_seeds, where V_rows comes from resampling groups, V_seeds is the sum of s²/k over both methods,
/// and V_rest, which is in both, is taken off once. Its degrees of freedom are Satterthwaite's (1946, Biometrics Bull. 2, 110–114), so that
/// three seeds are not taken for more than they are. In the test, the spread over rows is that of random sign flips of whole groups.
/// </para>
/// Without a second seed on either side the seed layer cannot be seen: the result is then about the two checkpoints, with the percentile
/// interval of the cluster bootstrap and the p of the sign-flip test over groups.
/// </summary>
/// <param name="Difference">Mean log loss of the first minus that of the second, with its 95 % interval: below zero the first is better.</param>
/// <param name="P">Two-sided p-value of a difference of zero.</param>
/// <param name="DegreesOfFreedom">Degrees of freedom of the interval; infinite where only rows vary.</param>
/// <param name="CoversSeeds">True where the interval covers other seeds too; false where it is about these checkpoints alone.</param>
public sealed record MethodComparison(Interval Difference, double P, double DegreesOfFreedom, bool CoversSeeds)
{
    /// <summary>Compares.</summary>
    /// <param name="first">The first method.</param>
    /// <param name="second">The second, on the same rows.</param>
    /// <param name="rowP">
    /// The p of <see cref="SignFlipTest"/>, where it has been computed from the rows themselves; used where there is one seed a side. Else the
    /// spread of the flips is taken from the sketches and the tail is the normal one.
    /// </param>
    /// <exception cref="ArgumentException">The rows differ in number.</exception>
    public static MethodComparison Of(MethodLosses first, MethodLosses second, double? rowP = null)
    {
        var (a, b, difference) = (first.Average, second.Average, first.Mean - second.Mean);
        if (first.Seeds == 1 && second.Seeds == 1)
        {
            return new MethodComparison(RowInterval(a, b, difference), rowP ?? Test(first, second), double.PositiveInfinity, false);
        }

        if (!a.HasSpread) return new MethodComparison(Interval.Unknown(difference), Test(first, second), 1, true);
        var (seeds, seedFreedom) = SeedPart(first, second);
        var rows = RowVariance(first, second);
        var freedom = Freedom(rows, a.Groups - 1, seeds, seedFreedom);
        var half = rows + seeds > 0 ? StudentT.InvCDF(0, 1, freedom, 0.975) * Math.Sqrt(rows + seeds) : 0;
        return new MethodComparison(new Interval(difference, difference - half, difference + half), Test(first, second), freedom, true);
    }

    /// <summary>The p-value alone, from the sketches.</summary>
    /// <exception cref="ArgumentException">The rows differ in number.</exception>
    public static double Test(MethodLosses first, MethodLosses second)
    {
        var (a, b) = (first.Average, second.Average);
        if (a.Rows != b.Rows) throw new ArgumentException("Sketches of different rows cannot be compared.", nameof(second));
        var difference = Math.Abs(first.Mean - second.Mean);
        var flips = MeanSquare(a.Flipped, b.Flipped);
        if (first.Seeds == 1 && second.Seeds == 1) return flips > 0 ? 2 * Normal.CDF(0, 1, -difference / Math.Sqrt(flips)) : difference == 0 ? 1 : 0;
        var (seeds, seedFreedom) = SeedPart(first, second);
        var rows = Math.Max(0, flips - Rest(first, second));
        if (rows + seeds == 0) return difference == 0 ? 1 : 0;
        return Math.Min(1, 2 * StudentT.CDF(0, 1, Freedom(rows, a.Groups - 1, seeds, seedFreedom), -difference / Math.Sqrt(rows + seeds)));
    }

    /// <summary>The part of the variance of a difference that rows bring and other seeds would show again; at least one side needs a second seed.</summary>
    internal static double RowVariance(MethodLosses first, MethodLosses second)
        => Math.Max(0, MethodLosses.Variance(first.Average.Resampled, second.Average.Resampled) - Rest(first, second));

    private static Interval RowInterval(LossSketch a, LossSketch b, double difference)
    {
        if (a.Rows != b.Rows) throw new ArgumentException("Sketches of different rows cannot be compared.", nameof(b));
        if (!a.HasSpread) return Interval.Unknown(difference);
        var resampled = new double[LossSketch.Size];
        for (var r = 0; r < resampled.Length; r++) resampled[r] = a.Resampled[r] - b.Resampled[r];
        Array.Sort(resampled);
        return new Interval(
            difference, Math.Min(difference, ClusterBootstrap.Quantile(resampled, 0.025)),
            Math.Max(difference, ClusterBootstrap.Quantile(resampled, 0.975)));
    }

    // A side with one seed borrows the spread of the other: nothing else is known of it.
    private static (double Variance, double Freedom) SeedPart(MethodLosses first, MethodLosses second)
    {
        if (first.SeedVariance is { } va && second.SeedVariance is { } vb)
        {
            (va, vb) = (va / first.Seeds, vb / second.Seeds);
            return (va + vb, Freedom(va, first.Seeds - 1, vb, second.Seeds - 1));
        }

        var many = first.Seeds == 1 ? second : first;
        return (many.SeedVariance!.Value * (1 + (1.0 / many.Seeds)), many.Seeds - 1);
    }

    private static double Rest(MethodLosses first, MethodLosses second)
        => ((first.RestVariance ?? second.RestVariance!.Value) / first.Seeds) + ((second.RestVariance ?? first.RestVariance!.Value) / second.Seeds);

    private static double Freedom(double v1, double f1, double v2, double f2)
    {
        var below = (v1 * v1 / Math.Max(1, f1)) + (v2 * v2 / Math.Max(1, f2));
        return below > 0 ? (v1 + v2) * (v1 + v2) / below : Math.Max(1, f1 + f2);
    }

    private static double MeanSquare(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var r = 0; r < a.Length; r++) sum += (a[r] - b[r]) * (a[r] - b[r]);
        return sum / a.Length;
    }
}

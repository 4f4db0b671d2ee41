using MathNet.Numerics.Distributions;

namespace LoraArena.Core.Statistics;

/// <summary>
/// Sign-flip permutation test of a mean of zero over groups of rows: if there is no effect, the sum of a group is as likely to have the other
/// sign. The p-value is the share of all 2ᴳ arrangements of signs whose sum is at least as far from zero as the observed one (Fisher 1935,
/// § 21; two-sided). Up to 20 groups the arrangements are counted; above, their distribution's tail is computed by the saddlepoint formula of
/// Lugannani and Rice (1980), as Robinson (1982, J. R. Statist. Soc. B 44, 91–101) uses it for such tests. Its relative error stays small in
/// the far tail, where no number of random arrangements would do: a family of 990 tests needs p-values near 0.00005.
/// </summary>
public static class SignFlipTest
{
    /// <summary>Groups up to which all arrangements are counted.</summary>
    public const int MaxCountedGroups = 20;

    /// <summary>The two-sided p-value.</summary>
    /// <param name="values">One value a row.</param>
    /// <param name="groups">Group of each row.</param>
    /// <exception cref="ArgumentException">The lists are empty or of different lengths.</exception>
    public static double P(IReadOnlyList<double> values, IReadOnlyList<string> groups) => P(GroupSums.Of(values, groups).Totals);

    /// <summary>The two-sided p-value.</summary>
    /// <param name="totals">Sum of the values of each group.</param>
    public static double P(IReadOnlyList<double> totals)
    {
        var moving = totals.Where(t => t != 0).Select(Math.Abs).ToArray();
        var observed = Math.Abs(totals.Sum());

        // The tolerance keeps sums that differ only by rounding equal.
        if (moving.Length == 0 || observed <= 1e-12 * moving.Sum()) return 1;
        return moving.Length <= MaxCountedGroups ? Counted(moving, observed) : Saddlepoint(moving, observed);
    }

    private static double Counted(double[] totals, double observed)
    {
        // Arrangements in the order of a Gray code: each differs from the one before by one sign.
        var (sum, atLeast) = (totals.Sum(), 0L);
        var signs = new bool[totals.Length];
        var limit = observed * (1 - 1e-12);
        var all = 1L << totals.Length;
        for (long i = 0; ; i++)
        {
            if (Math.Abs(sum) >= limit) atLeast++;
            if (i == all - 1) break;
            var turn = System.Numerics.BitOperations.TrailingZeroCount(i + 1);
            sum += signs[turn] ? 2 * totals[turn] : -2 * totals[turn];
            signs[turn] = !signs[turn];
        }

        return (double)atLeast / all;
    }

    // K(t) = Σ log cosh(t·dᵢ) is the cumulant generating function of Σ ±dᵢ. With K′(t) = x, w = √(2 (t·x − K(t))) and u = t·√K″(t):
    // P(sum ≥ x) ≈ 1 − Φ(w) + φ(w) (1/u − 1/w).
    private static double Saddlepoint(double[] totals, double observed)
    {
        var largest = totals.Sum();
        var variance = totals.Sum(d => d * d);

        // The largest sum of all has one arrangement, and its mirror image.
        if (observed >= largest * (1 - 1e-12)) return Math.ScaleB(1, 1 - totals.Length);
        var (t, low, high) = (observed / variance, 0.0, double.PositiveInfinity);
        double slope;
        for (var i = 0; ; i++)
        {
            var (first, second) = (0.0, 0.0);
            foreach (var d in totals)
            {
                var tanh = Math.Tanh(t * d);
                first += d * tanh;
                second += d * d * (1 - (tanh * tanh));
            }

            slope = second;
            if (Math.Abs(first - observed) <= 1e-13 * observed || i == 200) break;
            if (first < observed) low = t;
            else high = t;

            // Newton's step where it stays between the bounds, else the middle of them.
            var next = second > 0 ? t - ((first - observed) / second) : double.NaN;
            var moved = next > low && next < high ? next : double.IsInfinity(high) ? 2 * t : (low + high) / 2;
            if (moved == t) break;
            t = moved;
        }

        var cumulant = totals.Sum(d => LogCosh(t * d));
        var w = Math.Sqrt(2 * Math.Max(0, (t * observed) - cumulant));
        var u = t * Math.Sqrt(slope);

        // Near the middle both terms of the correction grow without bound and cancel; the normal tail is exact enough there.
        var correction = w < 1e-4 ? 0 : Normal.PDF(0, 1, w) * ((1 / u) - (1 / w));
        return Math.Clamp(2 * (Normal.CDF(0, 1, -w) + correction), 0, 1);
    }

    private static double LogCosh(double x)
    {
        x = Math.Abs(x);
        return x < 1e-3 ? (x * x / 2) - (x * x * x * x / 12) : x + double.LogP1(Math.Exp(-2 * x)) - Math.Log(2);
    }
}

namespace LoraArena.Core.Statistics;

/// <summary>
/// Adjusts the p-values of a family of tests, so that the chance of even one false finding among them stays at the level that is asked for,
/// however the tests depend on one another (Holm 1979, Scandinavian Journal of Statistics 6, 65–70).
/// </summary>
public static class Holm
{
    /// <summary>
    /// Adjusted p-values in the order of the given ones: with p₍₁₎ ≤ … ≤ p₍ₘ₎, the k-th is max over j ≤ k of min(1, (m − j + 1) · p₍ⱼ₎).
    /// A test is significant at level α where its adjusted p is at most α.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is not a probability.</exception>
    public static IReadOnlyList<double> Adjust(IReadOnlyList<double> pValues)
    {
        var adjusted = new double[pValues.Count];
        var (largest, left) = (0.0, pValues.Count);
        foreach (var i in Enumerable.Range(0, pValues.Count).OrderBy(i => pValues[i]))
        {
            if (pValues[i] is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(pValues), pValues[i], "not a probability");
            largest = Math.Max(largest, Math.Min(1, left-- * pValues[i]));
            adjusted[i] = largest;
        }

        return adjusted;
    }
}

namespace LoraArena.Core.Statistics;

/// <summary>
/// The ranks that a method may really have, with 95 % confidence: one plus the methods that are surely better, to all minus those that are
/// surely worse. "Surely" is Holm's 5 % over the comparisons of this method with all others (Mogstad, Romano, Shaikh and Wilhelm 2024,
/// Rev. Econ. Stud. 91, 476–518, marginal rank sets). Ties and near-ties widen the interval instead of breaking it.
/// </summary>
/// <param name="Best">The best rank that cannot be ruled out; 1 is the lowest log loss.</param>
/// <param name="Worst">The worst rank that cannot be ruled out.</param>
public sealed record RankInterval(int Best, int Worst)
{
    /// <summary>Level of the test.</summary>
    public const double Level = 0.05;

    /// <summary>Rank intervals of all methods.</summary>
    /// <param name="methods">The methods, all on the same rows.</param>
    public static IReadOnlyList<RankInterval> Of(IReadOnlyList<MethodLosses> methods)
    {
        var count = methods.Count;
        var signed = new double[count, count];
        Parallel.For(0, count, i =>
        {
            for (var j = i + 1; j < count; j++)
            {
                var p = MethodComparison.Test(methods[i], methods[j]);
                signed[i, j] = methods[i].Mean < methods[j].Mean ? p : -p;
                signed[j, i] = -signed[i, j];
            }
        });
        return [.. Enumerable.Range(0, count).Select(i => Of(signed, i, count))];
    }

    // The sign says which is better: positive, or plus zero, this one.
    private static RankInterval Of(double[,] signed, int method, int count)
    {
        var others = Enumerable.Range(0, count).Where(j => j != method).ToList();
        var adjusted = Holm.Adjust([.. others.Select(j => Math.Abs(signed[method, j]))]);
        var sure = others.Where((_, k) => adjusted[k] <= Level).ToList();
        return new RankInterval(1 + sure.Count(j => double.IsNegative(signed[method, j])), count - sure.Count(j => !double.IsNegative(signed[method, j])));
    }
}

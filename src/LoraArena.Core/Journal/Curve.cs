namespace LoraArena.Core.Journal;

/// <summary>A curve: places on an axis, and values there.</summary>
/// <param name="X">Steps or seconds, rising.</param>
/// <param name="Y">Values.</param>
public sealed record Curve(IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    /// <summary>The training loss of a run.</summary>
    /// <param name="steps">Its steps, thinned.</param>
    /// <param name="bySeconds">By seconds of training instead of by step.</param>
    public static Curve OfLoss(IReadOnlyList<StepRecord> steps, bool bySeconds)
        => new([.. steps.Select(s => bySeconds ? s.Seconds : s.Step)], [.. steps.Select(s => s.Loss)]);

    /// <summary>The mean over a window that lies round each point, narrower at the ends, so that a straight line stays as it is.</summary>
    /// <param name="share">Width of the window as a share of all points; 0 changes nothing.</param>
    public Curve Smoothed(double share)
    {
        var reach = (int)(share * Y.Count / 2);
        if (reach < 1) return this;
        var sums = new double[Y.Count + 1];
        for (var i = 0; i < Y.Count; i++) sums[i + 1] = sums[i] + Y[i];
        return this with
        {
            Y = [.. Enumerable.Range(0, Y.Count).Select(i =>
            {
                var half = Math.Min(reach, Math.Min(i, Y.Count - 1 - i));
                return (sums[i + half + 1] - sums[i - half]) / ((2 * half) + 1);
            })],
        };
    }

    /// <summary>The value at a place, on the straight line between its neighbours; null beyond the ends.</summary>
    public double? At(double x)
    {
        if (X.Count == 0 || x < X[0] || x > X[^1]) return null;
        var (low, high) = (0, X.Count - 1);
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (X[middle] <= x) low = middle;
            else high = middle;
        }

        return X[high] == X[low] ? Y[low] : Y[low] + ((x - X[low]) / (X[high] - X[low]) * (Y[high] - Y[low]));
    }

    /// <summary>Several curves as one: their mean, and the lowest and highest of them, where all of them are.</summary>
    /// <param name="curves">The curves, such as those of several seeds.</param>
    /// <param name="points">Places at which they are looked at.</param>
    public static (Curve Mean, Curve Low, Curve High) Band(IReadOnlyList<Curve> curves, int points)
    {
        var usable = curves.Where(c => c.X.Count > 0).ToList();
        if (usable.Count == 0) return (new Curve([], []), new Curve([], []), new Curve([], []));
        var (from, to) = (usable.Max(c => c.X[0]), usable.Min(c => c.X[^1]));
        if (to < from) to = from;
        var places = Enumerable.Range(0, points).Select(i => from + ((to - from) * i / Math.Max(1, points - 1))).Distinct().ToList();
        var values = places.Select(x => usable.Select(c => c.At(x)).OfType<double>().ToList()).ToList();
        return (
            new Curve(places, [.. values.Select(v => v.Average())]), new Curve(places, [.. values.Select(v => v.Min())]),
            new Curve(places, [.. values.Select(v => v.Max())]));
    }
}

namespace LoraArena.Core.Statistics;

/// <summary>The losses of one method, trained with one or several seeds, with what all its comparisons need worked out once.</summary>
public sealed class MethodLosses
{
    /// <summary>Takes the seeds together.</summary>
    /// <param name="seeds">A sketch a seed, all on the same rows.</param>
    /// <exception cref="ArgumentException">There is none, or they are of different rows.</exception>
    public MethodLosses(IReadOnlyList<LossSketch> seeds)
    {
        if (seeds.Count == 0) throw new ArgumentException("A method needs at least one sketch.", nameof(seeds));
        if (seeds.Any(s => s.Rows != seeds[0].Rows)) throw new ArgumentException("Sketches of different rows cannot be averaged.", nameof(seeds));
        (Seeds, Average) = (seeds.Count, LossSketch.Average(seeds));
        if (seeds.Count == 1) return;
        SeedVariance = seeds.Sum(s => (s.Mean - Average.Mean) * (s.Mean - Average.Mean)) / (seeds.Count - 1);
        RestVariance = seeds.Sum(s => Variance(s.Resampled, Average.Resampled)) / (seeds.Count - 1);
    }

    /// <summary>Seeds.</summary>
    public int Seeds { get; }

    /// <summary>The average over seeds.</summary>
    public LossSketch Average { get; }

    /// <summary>Mean log loss.</summary>
    public double Mean => Average.Mean;

    /// <summary>Variance of the mean log loss from seed to seed; null with one seed.</summary>
    public double? SeedVariance { get; }

    /// <summary>
    /// Variance of one seed's mean log loss that comes from how that seed does on these very rows, and would be another with other rows; null
    /// with one seed. It is part of <see cref="SeedVariance"/> and of the spread over rows alike.
    /// </summary>
    public double? RestVariance { get; }

    /// <summary>Variance of the difference of two resampled means.</summary>
    internal static double Variance(double[] a, double[] b)
    {
        var mean = 0.0;
        for (var r = 0; r < a.Length; r++) mean += a[r] - b[r];
        mean /= a.Length;
        var sum = 0.0;
        for (var r = 0; r < a.Length; r++) sum += (a[r] - b[r] - mean) * (a[r] - b[r] - mean);
        return sum / (a.Length - 1);
    }
}

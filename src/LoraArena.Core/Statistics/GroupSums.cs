namespace LoraArena.Core.Statistics;

/// <summary>Values added up group by group: what every computation over clustered rows starts from.</summary>
/// <param name="Totals">Sum of the values of each group, groups in the order in which they first appear.</param>
/// <param name="Counts">Rows of each group.</param>
public sealed record GroupSums(double[] Totals, int[] Counts)
{
    /// <summary>Adds up.</summary>
    /// <param name="values">One value a row.</param>
    /// <param name="groups">Group of each row.</param>
    /// <exception cref="ArgumentException">The lists are empty or of different lengths.</exception>
    public static GroupSums Of(IReadOnlyList<double> values, IReadOnlyList<string> groups)
    {
        if (values.Count == 0 || values.Count != groups.Count) throw new ArgumentException("One group a value, and at least one value.", nameof(groups));
        var index = new Dictionary<string, int>(StringComparer.Ordinal);
        var totals = new List<double>();
        var counts = new List<int>();
        for (var i = 0; i < values.Count; i++)
        {
            if (!index.TryGetValue(groups[i], out var g))
            {
                index.Add(groups[i], g = totals.Count);
                totals.Add(0);
                counts.Add(0);
            }

            totals[g] += values[i];
            counts[g]++;
        }

        return new GroupSums([.. totals], [.. counts]);
    }

    /// <summary>Rows of all groups.</summary>
    public int Rows => Counts.Sum();

    /// <summary>Mean over all rows.</summary>
    public double Mean => Totals.Sum() / Rows;
}

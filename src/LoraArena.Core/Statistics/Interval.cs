namespace LoraArena.Core.Statistics;

/// <summary>A figure with the interval that it lies in with 95 % confidence. Where nothing tells how far it may be off, both bounds are NaN.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="Low">2.5 % bound.</param>
/// <param name="High">97.5 % bound.</param>
public sealed record Interval(double Value, double Low, double High)
{
    /// <summary>True where there are bounds.</summary>
    public bool IsKnown => !double.IsNaN(Low);

    /// <summary>A figure of which nobody can say how far it may be off, as one that comes from the rows of a single prompt.</summary>
    public static Interval Unknown(double value) => new(value, double.NaN, double.NaN);

    /// <summary>True where zero lies outside: the sign of the figure is sure.</summary>
    public bool ExcludesZero => Low > 0 || High < 0;

    /// <summary>The same figure with its sign turned: what B minus A is where this is A minus B.</summary>
    public Interval Negated() => new(-Value, -High, -Low);
}

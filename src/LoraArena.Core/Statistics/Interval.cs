namespace LoraArena.Core.Statistics;

/// <summary>A figure with the interval that it lies in with 95 % confidence.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="Low">2.5 % bound.</param>
/// <param name="High">97.5 % bound.</param>
public sealed record Interval(double Value, double Low, double High)
{
    /// <summary>True where zero lies outside: the sign of the figure is sure.</summary>
    public bool ExcludesZero => Low > 0 || High < 0;

    /// <summary>The same figure with its sign turned: what B minus A is where this is A minus B.</summary>
    public Interval Negated() => new(-Value, -High, -Low);
}

using LoraArena.Core.Battles;

namespace LoraArena.Data.Baselines;

/// <summary>A predictor that needs no model: what a run has to beat before it is worth its time.</summary>
public abstract class Baseline
{
    /// <summary>Name of its files.</summary>
    public abstract string Id { get; }

    /// <summary>What people call it.</summary>
    public abstract string Name { get; }

    /// <summary>What it looks at, in one sentence.</summary>
    public abstract string Summary { get; }

    /// <summary>Learns from battles with winners.</summary>
    /// <returns>Says how probable each outcome of a battle is.</returns>
    public abstract Func<Battle, Probabilities> Fit(IReadOnlyList<Battle> train);
}

/// <summary>All baselines.</summary>
public static class BaselineCatalog
{
    /// <summary>From the simplest on.</summary>
    public static IReadOnlyList<Baseline> All { get; } = [new UniformBaseline(), new ClassPriorBaseline(), new LengthBaseline()];
}

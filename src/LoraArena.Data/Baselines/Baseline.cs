using LoraArena.Core.Battles;

namespace LoraArena.Data.Baselines;

/// <summary>A predictor that needs no model: what a run has to beat before it is worth its time.</summary>
public abstract class Baseline
{
    /// <summary>Name of its files.</summary>
    public abstract string Id { get; }

    /// <summary>Display name.</summary>
    public abstract string Name { get; }

    /// <summary>What it looks at, in one sentence.</summary>
    public abstract string Summary { get; }

    /// <summary>What it looks at: a few numbers, all that is kept of a battle while a whole file goes by.</summary>
    public abstract double[] Features(Battle battle);

    /// <summary>Learns from the features of battles and their winners.</summary>
    /// <returns>Says how probable each outcome of a battle is, from its features.</returns>
    public abstract Func<double[], Probabilities> Fit(IReadOnlyList<TrainingRow> train);

    /// <summary>Learns from battles with winners.</summary>
    /// <returns>Says how probable each outcome of a battle is.</returns>
    /// <exception cref="ArgumentException">A battle has no winner.</exception>
    public Func<Battle, Probabilities> Fit(IEnumerable<Battle> train)
    {
        var predict = Fit([.. train.Select(Row)]);
        return battle => predict(Features(battle));
    }

    /// <summary>What training keeps of a battle.</summary>
    /// <exception cref="ArgumentException">It has no winner.</exception>
    public TrainingRow Row(Battle battle)
        => new(Features(battle), battle.Winner ?? throw new ArgumentException($"battle '{battle.Id}' has no winner", nameof(battle)));
}

/// <summary>What a baseline learns from: the features of a battle and its winner.</summary>
public readonly record struct TrainingRow(double[] Features, Winner Winner);

/// <summary>All baselines.</summary>
public static class BaselineCatalog
{
    /// <summary>From the simplest on.</summary>
    public static IReadOnlyList<Baseline> All { get; } = [new UniformBaseline(), new ClassPriorBaseline(), new LengthBaseline()];
}

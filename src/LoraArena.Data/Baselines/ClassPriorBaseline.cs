using LoraArena.Core.Battles;

namespace LoraArena.Data.Baselines;

/// <summary>The shares of the three outcomes in the training rows.</summary>
public sealed class ClassPriorBaseline : Baseline
{
    /// <inheritdoc/>
    public override string Id => "class-prior";

    /// <inheritdoc/>
    public override string Name => "Class prior";

    /// <inheritdoc/>
    public override string Summary => "Every battle gets the shares of the outcomes among the training rows.";

    /// <inheritdoc/>
    public override double[] Features(Battle battle) => [];

    /// <summary>Counts the outcomes, one more of each, so that none is impossible (Laplace's rule of succession).</summary>
    public override Func<double[], Probabilities> Fit(IReadOnlyList<TrainingRow> train)
    {
        double Share(Winner winner) => (train.Count(row => row.Winner == winner) + 1.0) / (train.Count + Winners.Count);
        var shares = new Probabilities(Share(Winner.ModelA), Share(Winner.ModelB), Share(Winner.Tie));
        return _ => shares;
    }
}

using LoraArena.Core.Battles;

namespace LoraArena.Data.Baselines;

/// <summary>One third each; its log loss is ln 3 = 1.0986.</summary>
public sealed class UniformBaseline : Baseline
{
    /// <inheritdoc/>
    public override string Id => "uniform";

    /// <inheritdoc/>
    public override string Name => "Uniform";

    /// <inheritdoc/>
    public override string Summary => "Every outcome is equally probable.";

    /// <inheritdoc/>
    public override double[] Features(Battle battle) => [];

    /// <inheritdoc/>
    public override Func<double[], Probabilities> Fit(IReadOnlyList<TrainingRow> train) => _ => Probabilities.Uniform;
}

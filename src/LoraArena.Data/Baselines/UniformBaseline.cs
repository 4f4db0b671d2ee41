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
    public override Func<Battle, Probabilities> Fit(IReadOnlyList<Battle> train) => _ => Probabilities.Uniform;
}

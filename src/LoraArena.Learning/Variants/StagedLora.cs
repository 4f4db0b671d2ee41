using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// M stages, R rank, I features in, O features out.

/// <summary>
/// PeriodicLoRA: LoRA in stages. At the end of each the product goes into the weight and a fresh pair starts, so that the whole update may have rank
/// M · r. Meng et al. 2024, arXiv:2402.16141.
/// </summary>
public sealed class PeriodicLora : StagedLora<PeriodicLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "periodic-lora", "PeriodicLoRA", "LoRA that is merged and started anew several times in one training.", "arXiv:2402.16141", PeftType: "LORA",
        ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "None but one product a layer at the end of each stage; the base weights must be writable.",
        MovesBase = true,
        MovesBaseInTraining = true,
    };
}

/// <summary>Chain of LoRA: few long links, each tuned, merged and followed by a fresh one. Xia et al. 2024, arXiv:2401.04151.</summary>
public sealed class ChainOfLora : StagedLora<ChainOfLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "cola", "Chain of LoRA", "A chain of LoRAs, each tuned on top of those before it.", "arXiv:2401.04151", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "None but one product a layer at the end of each link; the base weights must be writable.",
        MovesBase = true,
        MovesBaseInTraining = true,
    };
}

/// <summary>LoRA's options, and how the training is divided.</summary>
public abstract record StagedLoraOptions : LoraOptions
{
    /// <summary>Stages of equal length that the training is divided into. 1 is plain LoRA.</summary>
    [Range(1, 64)]
    public int Stages { get; init; } = 4;

    /// <summary>Forgets the optimiser's averages at the end of a stage.</summary>
    public bool ResetOptimizer { get; init; } = true;

    /// <summary>Starts the learning rate's schedule anew in every stage, warm-up included.</summary>
    public bool ResetScheduler { get; init; } = true;

    // Share of the product that goes into the weight at the end of a stage; with less than all of it the pair goes on.
    internal virtual double Unloaded => 1;
}

/// <summary>Options of PeriodicLoRA.</summary>
public sealed record PeriodicLoraOptions : StagedLoraOptions
{
    /// <summary>
    /// Share of the product that stays in the pair at the end of a stage, which goes on from it: 0 starts a fresh pair. The paper's own formula was
    /// not at hand; this one leaves the model as it is.
    /// </summary>
    [Range(0.0, 0.99)]
    public double Momentum { get; init; }

    internal override double Unloaded => 1 - Momentum;
}

/// <summary>Options of Chain of LoRA.</summary>
public sealed record ChainOfLoraOptions : StagedLoraOptions
{
    /// <summary>Chain of LoRA's defaults: two links.</summary>
    public ChainOfLoraOptions() => Stages = 2;
}

/// <summary>The two methods that train LoRA in stages.</summary>
/// <typeparam name="TOptions">The record of its options.</typeparam>
public abstract class StagedLora<TOptions> : LoraFamily<TOptions> where TOptions : StagedLoraOptions, new()
{
    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("stages", "use_dora", "the stages' products add up, a row's length would rescale those before it", options => ((LoraOptions)options).UseDora),
        new(
            "stages", "init_lora_weights that moves the base", "a pair that starts after the first stage would have to be subtracted again",
            options => LoraStart.Get(((LoraOptions)options).InitLoraWeights).MovesBase),
    ];

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, TOptions options, VariantContext context) => new StagedLoraLayer(site, options, context);

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, TOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedStagedLora(this, options, [.. layers.Cast<StagedLoraLayer>()], seed);
}

/// <summary>One layer: LoRA, and the pairs of the stages that are over.</summary>
internal sealed class StagedLoraLayer : LoraLayer
{
    private readonly StagedLoraOptions _options;
    private readonly int _index;
    private readonly IReadOnlyList<Weight> _past;

    public StagedLoraLayer(Projection site, StagedLoraOptions options, VariantContext context) : base(site, options, context)
    {
        (_options, _index) = (options, context.Index);
        _past = [.. Enumerable.Range(0, options.Stages - 1).SelectMany(stage => new[]
        {
            new Weight(FormattableString.Invariant($"stage{stage}_A"), zeros_like(A.Value)),
            new Weight(FormattableString.Invariant($"stage{stage}_B"), zeros_like(B.Value)),
        })];
    }

    public override IReadOnlyList<Weight> Internal => _past;

    /// <summary>A and B of rank M · r whose product is the whole update.</summary>
    internal (Tensor A, Tensor B) Whole
        => (cat([.. _past.Where((_, i) => i % 2 == 0).Select(w => w.Value), A.Value], 0), cat([.. _past.Where((_, i) => i % 2 == 1).Select(w => w.Value), B.Value], 1));

    /// <summary>Puts the product, or its share, into the weight.</summary>
    internal void EndStage(int stage, long seed)
    {
        using var scope = NewDisposeScope();
        _past[2 * stage].Value.copy_(A.Value);
        _past[(2 * stage) + 1].Value.copy_(B.Value * _options.Unloaded);
        MoveBase(stage, 1);
        if (_options.Unloaded < 1)
        {
            B.Value.detach().mul_(1 - _options.Unloaded);
            return;
        }

        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, _index, stage + 1);
        var (a, b) = LoraStart.Get(_options.InitLoraWeights).Draw(Site.Shape, Rank);
        A.Value.detach().copy_(a);
        B.Value.detach().copy_(b);
    }

    /// <summary>Moves the weight by ± a past stage's product; nothing for one that has not been.</summary>
    internal void MoveBase(int stage, double sign)
        => Site.Weight.Value.add_(mm(_past[(2 * stage) + 1].Value, _past[2 * stage].Value), alpha: sign * Scale);

    public override void Detach()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        for (var stage = 0; stage < _options.Stages - 1; stage++) MoveBase(stage, -1);
        base.Detach();
    }
}

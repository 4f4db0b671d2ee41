using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>
/// LoRA-FA: LoRA whose A stays as it was drawn, so that the layer's input need not be kept for the backward pass. Zhang et al. 2023, arXiv:2308.03303.
/// </summary>
public sealed class LoraFa : LoraFamily<LoraFaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-fa", "LoRA-FA", "LoRA that trains B alone: half the numbers and less memory for activations.", "arXiv:2308.03303",
        PeftType: "LORA", ParameterFormula: "r · O")
    {
        Group = VariantGroup.LowRank,
        QuantizedBase = true,
        Cost = "Less memory: layer inputs are not kept for the backward pass; a little less time.",
        LearningRateFactor = 2,
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new(
            "lora-fa", "init_lora_weights that starts with both factors",
            "A is not trained, so what it starts from must not be subtracted from the base",
            options => LoraStart.Get(((LoraOptions)options).InitLoraWeights).MovesBase),
        new(
            "lora-fa", "init_lora_weights mica", "its A is zero, which LoRA-FA would not train",
            options => ((LoraOptions)options).InitLoraWeights == Mica.Start),
    ];

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraFaOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLoraFa(this, options, [.. layers.Cast<LoraLayer>()]);
}

/// <summary>LoRA's options, and whether B's gradient is corrected.</summary>
public sealed record LoraFaOptions : LoraOptions
{
    /// <summary>
    /// Corrects B's gradient by (A Aᵀ)⁻¹ / s², which makes a step the best one that a fixed A allows, whatever A's size; else B moves along
    /// its plain gradient.
    /// </summary>
    public bool CorrectGradient { get; init; } = true;

    internal override bool TrainsA => false;
}

/// <summary>LoRA-FA on a model.</summary>
internal sealed class AttachedLoraFa(LoraFa variant, LoraFaOptions options, IReadOnlyList<LoraLayer> layers) : AttachedLora(variant, options, layers)
{
    private const double Damping = 1e-8;

    // A does not move, so once is enough.
    private readonly Dictionary<LoraLayer, Tensor> _inverseRR = [];

    /// <summary>g ← g (A Aᵀ)⁻¹ / s²: then s g A is the weight's gradient projected on the rows of A.</summary>
    public override void AfterBackward(long step)
    {
        if (!options.CorrectGradient) return;
        using var scope = NewDisposeScope();
        foreach (var layer in LoraLayers)
        {
            if (layer.B.Value.grad is not { } gradient) continue;
            if (!_inverseRR.TryGetValue(layer, out var inverse)) _inverseRR.Add(layer, inverse = InverseRR(layer));
            gradient.copy_(mm(gradient, inverse));
        }
    }

    public override void ReadPeft(Peft.PeftTensors tensors)
    {
        base.ReadPeft(tensors);
        Forget();
    }

    public override void ReadCheckpoint(Peft.PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        Forget();
    }

    protected override void Release() => Forget();

    private static Tensor InverseRR(LoraLayer layer)
    {
        using var scope = NewDisposeScope();
        var a = layer.A.Value.to(ScalarType.Float64);
        var gram = mm(a, a.t()) + (Damping * eye(layer.Rank, dtype: ScalarType.Float64, device: a.device));
        return (linalg.inv(gram) / (layer.Scale * layer.Scale)).to(ScalarType.Float32).DetachFromDisposeScope();
    }

    private void Forget()
    {
        foreach (var inverse in _inverseRR.Values) inverse.Dispose();
        _inverseRR.Clear();
    }
}

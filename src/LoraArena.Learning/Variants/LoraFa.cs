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
        "lora-fa", "LoRA-FA", "LoRA that trains B alone: half the numbers and less memory for activations.", "arXiv:2308.03303", PeftType: "LORA", ParameterFormula: "r · O") { QuantizedBase = true };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("lora-fa", "init_lora_weights that starts with both factors", "A is not trained, so what it starts from must not be subtracted from the base", options => LoraStart.Get(((LoraOptions)options).InitLoraWeights).MovesBase),
        new("lora-fa", "init_lora_weights mica", "its A is zero, which LoRA-FA would not train", options => ((LoraOptions)options).InitLoraWeights == Mica.Start),
    ];

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, LoraFaOptions options, VariantContext context) => new LoraFaLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, LoraFaOptions options) => options.RankOf(site.Path) * site.OutFeatures;

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraFaOptions options, IReadOnlyList<AdapterLayer> layers, long seed) => new AttachedLoraFa(this, options, [.. layers.Cast<LoraFaLayer>()]);
}

/// <summary>LoRA's options, and whether B's gradient is corrected.</summary>
public sealed record LoraFaOptions : LoraOptions
{
    /// <summary>Corrects B's gradient by (A Aᵀ)⁻¹ / s², which makes a step the best one that a fixed A allows, whatever A's size; else B moves along its plain gradient.</summary>
    public bool CorrectGradient { get; init; } = true;
}

/// <summary>LoRA with A frozen.</summary>
public sealed class LoraFaLayer(Projection site, LoraFaOptions options, VariantContext context) : LoraLayer(site, options, context)
{
    private const double Damping = 1e-8;
    private Tensor? _inverseRR;

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [B];

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Frozen => [A];

    /// <inheritdoc/>
    protected override bool IsPlain => true;

    /// <summary>g ← g (A Aᵀ)⁻¹ / s²: then s g A is the weight's gradient projected on the rows of A.</summary>
    internal void CorrectGradient()
    {
        if (B.Value.grad is not { } gradient) return;
        using var scope = NewDisposeScope();
        gradient.copy_(mm(gradient, InverseRR()));
    }

    /// <summary>Forgets what depends on A.</summary>
    internal void AHasChanged()
    {
        _inverseRR?.Dispose();
        _inverseRR = null;
    }

    /// <inheritdoc/>
    protected override void Release() => _inverseRR?.Dispose();

    // A does not move, so once is enough.
    private Tensor InverseRR()
    {
        if (_inverseRR is not null) return _inverseRR;
        var a = A.Value.to(ScalarType.Float64);
        var gram = mm(a, a.t()) + (Damping * eye(Rank, dtype: ScalarType.Float64, device: a.device));
        return _inverseRR = (linalg.inv(gram) / (Scale * Scale)).to(ScalarType.Float32).DetachFromDisposeScope();
    }
}

/// <summary>LoRA-FA on a model.</summary>
internal sealed class AttachedLoraFa(LoraFa variant, LoraFaOptions options, IReadOnlyList<LoraFaLayer> layers) : AttachedLora(variant, options, layers)
{
    public override void AfterBackward(long step)
    {
        if (!options.CorrectGradient) return;
        foreach (var layer in layers) layer.CorrectGradient();
    }

    public override void ReadPeft(Peft.PeftTensors tensors)
    {
        base.ReadPeft(tensors);
        foreach (var layer in layers) layer.AHasChanged();
    }

    public override void ReadCheckpoint(Peft.PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        foreach (var layer in layers) layer.AHasChanged();
    }
}

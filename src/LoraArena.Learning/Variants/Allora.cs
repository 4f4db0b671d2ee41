using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>
/// ALLoRA: y = Wx + b + B A x without scale and dropout; the gradient of output row i reaches A and B times cᵢ = 1 / √(‖(BA)ᵢ‖ + 1/η²), large
/// while the row is small. Huang and Balestriero 2024, arXiv:2410.09692.
/// </summary>
public sealed class Allora : LoraVariant<AlloraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "allora", "ALLoRA", "LoRA without scale and dropout whose rows learn fast while they are small.", "arXiv:2410.09692",
        PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "A second thin product in training.",
    };

    /// <summary>On disk it is plain LoRA.</summary>
    public override bool Claims(Peft.PeftConfigReader config) => false;

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, AlloraOptions options, VariantContext context) => new AlloraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, AlloraOptions options) => options.R * (site.InFeatures + site.OutFeatures);

    /// <summary>Plain LoRA with lora_alpha = r, so that the scale is 1.</summary>
    public override JsonObject PeftConfig(AlloraOptions options) => new()
    {
        ["r"] = options.R,
        ["lora_alpha"] = options.R,
        ["lora_dropout"] = 0.0,
        ["init_lora_weights"] = true,
        ["bias"] = "none",
        ["use_rslora"] = false,
        ["use_dora"] = false,
    };

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, AlloraOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedAllora(this, options, [.. layers.Cast<AlloraLayer>()]);
}

/// <summary>Options of ALLoRA.</summary>
public sealed record AlloraOptions : VariantOptions
{
    /// <summary>Rank: the width between the two thin matrices.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 16;

    /// <summary>What gradients are multiplied by while a row of the update is zero; it takes the place of LoRA's scale.</summary>
    [Range(0.001, 1000.0)]
    public double Eta { get; init; } = 2;
}

/// <summary>One layer with ALLoRA.</summary>
public sealed class AlloraLayer : AdapterLayer
{
    private readonly double _floor;
    private Tensor? _factorO;

    /// <summary>Makes the layer: A uniform within ±1/√I, B zero.</summary>
    public AlloraLayer(Projection site, AlloraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        _floor = 1 / (options.Eta * options.Eta);
        context.SeedStart();
        A = new Weight("lora_A.weight", LoraStart.Kaiming(options.R, site.InFeatures).to(site.Weight.Value.device));
        B = new Weight("lora_B.weight", zeros([site.OutFeatures, options.R], ScalarType.Float32, site.Weight.Value.device));
    }

    /// <summary>A, [R, I].</summary>
    public Weight A { get; }

    /// <summary>B, [O, R].</summary>
    public Weight B { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [A, B];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (input, a, b) = (x.to(ScalarType.Float32), A.Value, B.Value);
        if (!mode.Training) return (Site.Base(x) + LinearProduct.Of(LinearProduct.Of(input, a), b).to(x.dtype)).MoveToOuterDisposeScope();

        // x must see the true gradient (G B) A and A the scaled one ((G ⊙ c) B)ᵀ x: two paths of width r, of which the second is zero in value and
        // meets c ⊙ B. B's own gradient is scaled by rows once it is whole.
        var hNR = LinearProduct.Of(input, a.detach());
        var mine = LinearProduct.Of(input.detach(), a);
        var scaledB = FactorO().unsqueeze(1) * b.detach();
        var y = LinearProduct.Of(cat([hNR, mine - mine.detach()], -1), cat([b, scaledB], 1));
        return (Site.Base(x) + y.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight() => mm(B.Value, A.Value);

    /// <summary>c, [O], as a constant; kept until <see cref="WeightsHaveMoved"/>.</summary>
    public Tensor FactorO()
    {
        if (_factorO is not null) return _factorO;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (a, b) = (A.Value, B.Value);
        var norm = (mm(b, mm(a, a.t())) * b).sum(1).clamp_min(0).sqrt();
        return _factorO = (norm + _floor).rsqrt().DetachFromDisposeScope();
    }

    /// <summary>Scales B's gradient by rows.</summary>
    public void ScaleGradientOfB() => B.Value.grad?.mul_(FactorO().unsqueeze(1));

    /// <summary>Forgets the factors: A or B have changed.</summary>
    internal void WeightsHaveMoved()
    {
        _factorO?.Dispose();
        _factorO = null;
    }

    /// <inheritdoc/>
    protected override void Release() => _factorO?.Dispose();
}

/// <summary>ALLoRA on a model.</summary>
internal sealed class AttachedAllora(Allora variant, AlloraOptions options, IReadOnlyList<AlloraLayer> layers) : AttachedVariant(variant, options, layers)
{
    public override void AfterBackward(long step)
    {
        using var scope = NewDisposeScope();
        foreach (var layer in layers) layer.ScaleGradientOfB();
    }

    public override void AfterStep(long step, Optimizer optimizer)
    {
        foreach (var layer in layers) layer.WeightsHaveMoved();
    }

    public override void ReadCheckpoint(Peft.PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        foreach (var layer in layers) layer.WeightsHaveMoved();
    }
}

using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R init_r, I features in, O features out, L layers.

/// <summary>One layer with AdaLoRA.</summary>
public sealed class AdaLoraLayer : AdapterLayer
{
    // PEFT adds it to the rank that it divides by.
    private const double Epsilon = 1e-5;
    private const double Deviation = 0.02;
    private readonly double _dropout;
    private readonly double _scale;

    /// <summary>Makes the layer: A and B normal with deviation 0.02, E zero.</summary>
    public AdaLoraLayer(Projection site, AdaLoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        var device = site.Weight.Value.device;
        (_dropout, _scale) = (options.LoraDropout, options.LoraAlpha / (options.InitR + Epsilon));
        context.SeedStart();
        A = new Weight("lora_A", (randn([options.InitR, site.InFeatures], ScalarType.Float32, CPU) * Deviation).to(device));
        B = new Weight("lora_B", (randn([site.OutFeatures, options.InitR], ScalarType.Float32, CPU) * Deviation).to(device));
        E = new Weight("lora_E", zeros([options.InitR, 1], ScalarType.Float32, device));
    }

    /// <summary>[R, I].</summary>
    public Weight A { get; }

    /// <summary>[O, R].</summary>
    public Weight B { get; }

    /// <summary>[R, 1].</summary>
    public Weight E { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [A, B, E];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var update = LinearProduct.Of(LinearProduct.Of(dropped, A.Value * E.Value * _scale), B.Value);
        return (Site.Base(x) + update.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (mm(B.Value, A.Value * E.Value) * _scale).MoveToOuterDisposeScope();
    }
}

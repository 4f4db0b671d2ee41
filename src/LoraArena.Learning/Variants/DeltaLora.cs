using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>
/// Delta-LoRA: LoRA that also moves the weight by λ times what each step changes of the product B A. Zi et al. 2023, arXiv:2309.02411. The sum of those
/// changes telescopes: from step K on the weight is W + λ s (B A − B_K A_K), so it is never written, and the whole update has rank 2r.
/// </summary>
public sealed class DeltaLora : LoraFamily<DeltaLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "delta-lora", "Delta-LoRA", "LoRA whose frozen weight follows each change of the product, enlarged.", "arXiv:2309.02411",
        PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "A second pair of thin products once the weight follows.",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("delta-lora", "use_dora", "the weight follows the product, not the rescaled whole", options => ((LoraOptions)options).UseDora),
        new(
            "delta-lora", "lora_dropout",
            "with it the weight and the product would see other inputs, so that one's change is not the other's gradient",
            options => ((LoraOptions)options).LoraDropout > 0),
        new(
            "delta-lora", "init_lora_weights that moves the base", "the weight's own movement starts from the untouched base",
            options => LoraStart.Get(((LoraOptions)options).InitLoraWeights).MovesBase),
    ];

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, DeltaLoraOptions options, VariantContext context) => new DeltaLoraLayer(site, options, context);

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, DeltaLoraOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedDeltaLora(this, options, [.. layers.Cast<DeltaLoraLayer>()]);
}

/// <summary>LoRA's options, and how the weight follows.</summary>
public sealed record DeltaLoraOptions : LoraOptions
{
    /// <summary>Delta-LoRA's defaults: no dropout.</summary>
    public DeltaLoraOptions() => LoraDropout = 0;

    /// <summary>λ: how much of each change of the product the weight takes over.</summary>
    [Range(0.0, 100.0)]
    public double Lambda { get; init; } = 2;

    /// <summary>K: the step after which the weight starts to follow.</summary>
    [Range(0, 10_000_000)]
    public int StartStep { get; init; } = 500;
}

/// <summary>One layer with Delta-LoRA.</summary>
internal sealed class DeltaLoraLayer : LoraLayer
{
    private readonly double _lambda;
    private readonly Weight _startA;
    private readonly Weight _startB;

    public DeltaLoraLayer(Projection site, DeltaLoraOptions options, VariantContext context) : base(site, options, context)
    {
        _lambda = options.Lambda;
        _startA = new Weight("delta_A", zeros_like(A.Value));
        _startB = new Weight("delta_B", zeros_like(B.Value));
    }

    /// <summary>True once the weight follows.</summary>
    internal bool Follows { get; set; }

    public override IReadOnlyList<Weight> Internal => [_startA, _startB];

    /// <summary>A and B of rank 2r whose product is the whole update: [A; A_K] and [(1 + λ) B, −λ B_K].</summary>
    internal (Tensor A, Tensor B) Whole => (cat([A.Value, _startA.Value], 0), cat([(1 + _lambda) * B.Value, -_lambda * _startB.Value], 1));

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        if (!Follows) return base.Forward(x, mode);
        using var scope = NewDisposeScope();

        // A and B learn as in LoRA, from s B A alone; x sees the weight as it is. So the rest of the update goes through constants.
        var input = x.to(ScalarType.Float32);
        var learning = LinearProduct.Of(LinearProduct.Of(input, A.Value) * Scale, B.Value);
        var a = cat([A.Value, _startA.Value], 0).detach();
        var b = cat([B.Value, -_startB.Value], 1).detach();
        var following = LinearProduct.Of(LinearProduct.Of(input, a) * (_lambda * Scale), b);
        return (Site.Base(x) + (learning + following).to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        if (!Follows) return base.DeltaWeight();
        using var scope = NewDisposeScope();
        var (a, b) = Whole;
        return (mm(b, a) * Scale).MoveToOuterDisposeScope();
    }

    internal void StartToFollow()
    {
        _startA.Value.copy_(A.Value);
        _startB.Value.copy_(B.Value);
        Follows = true;
    }
}

/// <summary>Delta-LoRA on a model.</summary>
internal sealed class AttachedDeltaLora : AttachedLora
{
    private readonly DeltaLoraOptions _options;
    private readonly IReadOnlyList<DeltaLoraLayer> _layers;
    private readonly Weight _follows;

    public AttachedDeltaLora(DeltaLora variant, DeltaLoraOptions options, IReadOnlyList<DeltaLoraLayer> layers) : base(variant, options, layers)
    {
        (_options, _layers) = (options, layers);
        _follows = new Weight("delta_follows", zeros([1], ScalarType.Float32, CPU));
    }

    // One number more for checkpoints: whether the weight follows already.
    public override IEnumerable<AdapterWeight> Weights
        => base.Weights.Append(new AdapterWeight(Root + _follows.Name, _follows, Trained: false, Exported: false));

    public override void AfterStep(long step, Optimizer optimizer)
    {
        if (step != _options.StartStep) return;
        foreach (var layer in _layers) layer.StartToFollow();
        _follows.Value.fill_(1);
    }

    public override void ReadCheckpoint(PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        var follows = _follows.Value.ToSingle() > 0;
        foreach (var layer in _layers) layer.Follows = follows;
    }

    /// <summary>Plain LoRA of rank 2r.</summary>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        if (!_layers[0].Follows) return adapter;
        var tensors = adapter.Tensors.ToDictionary(StringComparer.Ordinal);
        foreach (var layer in _layers) (tensors[KeyOf(layer, layer.A)], tensors[KeyOf(layer, layer.B)]) = layer.Whole;
        LoraExport.MultiplyRank(adapter.Config, _options, 2);
        return new PeftAdapter(adapter.Config, tensors);
    }

    /// <inheritdoc/>
    protected override void SetStartingValues(StartingData data)
    {
        base.SetStartingValues(data);
        if (_options.StartStep > 0) return;
        foreach (var layer in _layers) layer.StartToFollow();
        _follows.Value.fill_(1);
    }

    protected override void Release()
    {
        base.Release();
        _follows.Dispose();
    }
}

using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, H vectors of the bank, V their length, I features in, O features out.

/// <summary>
/// VB-LoRA: the factors of all layers are put together from one bank of short vectors; each piece is a mixture of the k vectors whose logits are
/// largest. Li et al. 2024, arXiv:2405.15179.
/// </summary>
public sealed class VbLora : LoraVariant<VbLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "vb-lora", "VB-LoRA", "Puts the factors of all layers together from one shared bank of vectors.", "arXiv:2405.15179",
        PeftType: "VBLORA", ParameterFormula: "num_vectors · r · (I + O) / vector_length, and the bank once")
    {
        Group = VariantGroup.LowRank,
        Cost = "The factors are put together anew for every pass.",
        StartsAsIdentity = false,
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new(
            "topk", "a bank of fewer vectors", "no more than there are can be mixed",
            options => ((VbLoraOptions)options).Topk > ((VbLoraOptions)options).NumVectors),
    ];

    /// <inheritdoc/>
    public override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
    {
        using var scope = NewDisposeScope();
        var own = (VbLoraOptions)options;
        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, -2);
        var start = empty([own.NumVectors, own.VectorLength], ScalarType.Float32, CPU).uniform_(-own.InitVectorBankBound, own.InitVectorBankBound);
        var bank = new Weight("vblora_vector_bank", start.to(model.Device));
        var layers = SitesOf(model, options).Select((site, i) => new VbLoraLayer(site, own, bank, new VariantContext(seed, i))).ToList();
        foreach (var layer in layers) layer.Site.Adapter = layer;
        return new AttachedVbLora(this, own, layers, bank);
    }

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, VbLoraOptions options, VariantContext context)
        => throw new NotSupportedException("The layers share their bank; attach the variant to a model.");

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, VbLoraOptions options)
    {
        options.RequireFits(site);
        return (long)options.NumVectors * options.R * ((site.InFeatures + site.OutFeatures) / options.VectorLength);
    }

    /// <inheritdoc/>
    public override long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, VbLoraOptions options)
        => (long)options.NumVectors * options.VectorLength;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(VbLoraOptions options) => new()
    {
        ["r"] = options.R,
        ["num_vectors"] = options.NumVectors,
        ["vector_length"] = options.VectorLength,
        ["topk"] = options.Topk,
        ["vblora_dropout"] = options.VbloraDropout,
        ["save_only_topk_weights"] = false,
        ["init_vector_bank_bound"] = options.InitVectorBankBound,
        ["init_logits_std"] = options.InitLogitsStd,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
    };

    /// <inheritdoc/>
    public override VbLoraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out", "save_only_topk_weights");
        config.Require("bias", "none");
        return new VbLoraOptions
        {
            R = config.Size("r", 4),
            NumVectors = config.Size("num_vectors", 256),
            VectorLength = config.Size("vector_length", 256),
            Topk = config.Size("topk", 2),
            VbloraDropout = config.Number("vblora_dropout", 0),
            InitVectorBankBound = config.Number("init_vector_bank_bound", 0.02),
            InitLogitsStd = config.Number("init_logits_std", 0.1),
        };
    }
}

/// <summary>Options of VB-LoRA, by PEFT's names.</summary>
public sealed record VbLoraOptions : VariantOptions
{
    /// <summary>Rank of the factors.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 4;

    /// <summary>Vectors of the bank.</summary>
    [Range(1, 65_536)]
    public int NumVectors { get; init; } = 256;

    /// <summary>Length of a vector; it must divide the widths of every adapted layer.</summary>
    [Range(1, 65_536)]
    public int VectorLength { get; init; } = 128;

    /// <summary>Vectors that a piece mixes.</summary>
    [Range(1, 64)]
    public int Topk { get; init; } = 2;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double VbloraDropout { get; init; }

    /// <summary>The bank starts uniform within plus and minus this.</summary>
    [Range(0.0, 100.0)]
    public double InitVectorBankBound { get; init; } = 0.02;

    /// <summary>Standard deviation of the logits' starting values.</summary>
    [Range(0.0, 100.0)]
    public double InitLogitsStd { get; init; } = 0.1;

    internal void RequireFits(SiteShape site)
    {
        if (site.InFeatures % VectorLength != 0 || site.OutFeatures % VectorLength != 0)
        {
            throw new OptionException($"vb-lora: vector_length {VectorLength} does not divide the widths of {site.Path}, {site.InFeatures} to {site.OutFeatures}.");
        }
    }
}

/// <summary>One layer with VB-LoRA: ΔW = B A.</summary>
internal sealed class VbLoraLayer : AdapterLayer
{
    private readonly VbLoraOptions _options;
    private readonly Weight _bank;
    private readonly Weight _logitsA;
    private readonly Weight _logitsB;

    public VbLoraLayer(Projection site, VbLoraOptions options, Weight bank, VariantContext context) : base(site)
    {
        options.RequireFits(site.Shape);
        using var scope = NewDisposeScope();
        (_options, _bank) = (options, bank);
        var device = site.Weight.Value.device;
        context.SeedStart();
        Tensor Draw(long[] shape) => empty(shape, ScalarType.Float32, CPU).normal_(0, options.InitLogitsStd).to(device);
        _logitsA = new Weight("vblora_logits_A", Draw([options.R, site.InFeatures / options.VectorLength, options.NumVectors]));
        _logitsB = new Weight("vblora_logits_B", Draw([site.OutFeatures / options.VectorLength, options.R, options.NumVectors]));
    }

    public override IReadOnlyList<Weight> Weights => [_logitsA, _logitsB];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (a, b) = Factors();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _options.VbloraDropout, mode);
        return (Site.Base(x) + LinearProduct.Of(LinearProduct.Of(dropped, a), b).to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (a, b) = Factors();
        return mm(b, a).MoveToOuterDisposeScope();
    }

    // A [R, I]: pieces side by side. B [O, R]: pieces below one another.
    private (Tensor A, Tensor B) Factors() => (Mix(_logitsA.Value).flatten(1), Mix(_logitsB.Value).transpose(1, 2).flatten(0, 1));

    // [.., H] → [.., V]: the share of each of the k best vectors, put back among zeros, times the bank.
    private Tensor Mix(Tensor logits)
    {
        var (best, places) = logits.topk(_options.Topk, -1);
        var shares = zeros_like(logits).scatter(-1, places, nn.functional.softmax(best, -1));
        return mm(shares.view(-1, _options.NumVectors), _bank.Value).view([.. logits.shape[..^1], _options.VectorLength]);
    }
}

/// <summary>VB-LoRA on a model, with the bank that its layers share.</summary>
internal sealed class AttachedVbLora(
    VbLora variant, VbLoraOptions options, IReadOnlyList<VbLoraLayer> layers, Weight bank) : AttachedVariant(variant, options, layers)
{
    public override IEnumerable<AdapterWeight> Weights => base.Weights.Append(new AdapterWeight(SharedRoot + bank.Name, bank, Trained: true));

    protected override void Release() => bank.Dispose();
}

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

// R rank of a base, K bases of a layer, N the smaller and M the larger of its widths.

/// <summary>
/// RandLoRA: a full-rank update as a sum of random products that all layers share, each scaled by trained vectors. Albert et al. 2025,
/// arXiv:2502.00987; as PEFT has it, which pairs the columns of the bases in another order than the paper, and with PEFT's random numbers bit for bit.
/// </summary>
public sealed class RandLora : LoraVariant<RandLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "rand-lora", "RandLoRA", "A full-rank update from shared random bases that trained vectors scale; a larger r trains less.",
        "arXiv:2502.00987", PeftType: "RANDLORA", ParameterFormula: "k · (r + min(I, O)), with k = ⌈min(I, O) / r⌉")
    {
        Group = VariantGroup.LowRank,
        Cost = "An update of full rank is made for every pass: clearly slower.",
    };

    /// <inheritdoc/>
    public override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
    {
        using var scope = NewDisposeScope();
        var own = (RandLoraOptions)options;
        var sites = SitesOf(model, options);
        var (widestIn, widestOut) = (sites.Max(site => site.InFeatures), sites.Max(site => site.OutFeatures));
        var (small, large) = (Math.Min(widestIn, widestOut), Math.Max(widestIn, widestOut));
        using var generator = new Generator((ulong)own.ProjectionPrngKey, CPU);
        var bases = (small + own.R - 1) / own.R;
        var a = Draw([own.R, 1, small], generator);
        var b = cat([.. Enumerable.Range(0, (int)bases).Select(_ => Draw([large, 1, own.R], generator))], 1);
        var sharedA = new Weight("randlora_A", (a / a.std()).to(ScalarType.Float32).to(model.Device));
        var sharedB = new Weight("randlora_B", (b / b.std()).to(ScalarType.Float32).to(model.Device));
        var layers = sites.Select(site => new RandLoraLayer(site, own, sharedA, sharedB)).ToList();
        foreach (var layer in layers) layer.Site.Adapter = layer;
        return new AttachedRandLora(this, own, layers, sharedA, sharedB);
    }

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, RandLoraOptions options, VariantContext context)
        => throw new NotSupportedException("The layers share their bases; attach the variant to a model.");

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, RandLoraOptions options) => options.BasesOf(site) * (options.R + site.Narrow);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(RandLoraOptions options) => new()
    {
        ["r"] = options.R,
        ["randlora_alpha"] = options.RandloraAlpha,
        ["randlora_dropout"] = options.RandloraDropout,
        ["projection_prng_key"] = options.ProjectionPrngKey,
        ["save_projection"] = options.SaveProjection,
        ["sparse"] = false,
        ["very_sparse"] = false,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override RandLoraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out", "sparse", "very_sparse");
        config.Require("bias", "none");
        return new RandLoraOptions
        {
            R = config.Size("r", 32),
            RandloraAlpha = config.Number("randlora_alpha", 640),
            RandloraDropout = config.Number("randlora_dropout", 0),
            ProjectionPrngKey = (int)config.Number("projection_prng_key", 0),
            SaveProjection = config.Flag("save_projection", defaultValue: true),
        };
    }

    // Kaiming's rule in bf16, as PEFT draws. Newer PyTorch draws in f32, rounds, and turns what has been rounded up to the bound into the lower one;
    // older releases drew bf16 from eight random bits.
    private static Tensor Draw(long[] shape, Generator generator)
    {
        var bound = Math.Sqrt(3) * Math.Sqrt(2.0 / 6) / Math.Sqrt(shape[1] * shape[2]);
        var drawn = empty(shape, ScalarType.Float32, CPU).uniform_(-bound, bound, generator).to(ScalarType.BFloat16);
        return drawn.masked_fill(drawn == full([], bound, ScalarType.BFloat16, CPU), -bound);
    }
}

/// <summary>Options of RandLoRA, by PEFT's names.</summary>
public sealed record RandLoraOptions : VariantOptions
{
    /// <summary>Rank of each random base. With a larger one fewer bases are needed, so that less is trained.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 32;

    /// <summary>The update is scaled by randlora_alpha / r.</summary>
    [Range(0.0, 1_000_000.0)]
    public double RandloraAlpha { get; init; } = 640;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double RandloraDropout { get; init; }

    /// <summary>Seed of the shared random bases.</summary>
    [Range(0, int.MaxValue)]
    public int ProjectionPrngKey { get; init; }

    /// <summary>Writes the shared bases into adapter files; without them a reader draws them again from the key.</summary>
    public bool SaveProjection { get; init; } = true;

    /// <summary>Bases that a site needs for a full rank.</summary>
    public long BasesOf(SiteShape site) => (site.Narrow + R - 1) / R;
}

/// <summary>One layer with RandLoRA.</summary>
internal sealed class RandLoraLayer : AdapterLayer
{
    private readonly RandLoraOptions _options;
    private readonly Weight _sharedA;
    private readonly Weight _sharedB;
    private readonly Weight _lambdaRK;
    private readonly Weight _gammaKN;

    public RandLoraLayer(Projection site, RandLoraOptions options, Weight sharedA, Weight sharedB) : base(site)
    {
        using var scope = NewDisposeScope();
        (_options, _sharedA, _sharedB) = (options, sharedA, sharedB);
        var (device, bases, narrow) = (site.Weight.Value.device, options.BasesOf(site.Shape), site.Shape.Narrow);
        _lambdaRK = new Weight("randlora_lambda", zeros([options.R, bases], ScalarType.Float32, device));
        _gammaKN = new Weight("randlora_gamma", full([bases, narrow], 1.0 / Math.Max(bases, narrow), ScalarType.Float32, device));
    }

    public override IReadOnlyList<Weight> Weights => [_lambdaRK, _gammaKN];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _options.RandloraDropout, mode);
        var (first, second) = Factors();
        var y = LinearProduct.Of(LinearProduct.Of(dropped, first), second);
        return (Site.Base(x) + y.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (first, second) = Factors();
        return mm(second, first).MoveToOuterDisposeScope();
    }

    // The trained vectors stand at the narrower side: [K R, I] and [O, K R].
    private (Tensor First, Tensor Second) Factors()
    {
        var (narrow, wide, bases) = (Site.Shape.Narrow, Math.Max(Site.InFeatures, Site.OutFeatures), _gammaKN.Shape[0]);
        var scaled = _lambdaRK.Value.unsqueeze(2) * _sharedA.Value.narrow(2, 0, narrow) * (_gammaKN.Value * (_options.RandloraAlpha / _options.R)).unsqueeze(0);
        var (small, large) = (scaled.flatten(0, 1), _sharedB.Value.narrow(0, 0, wide).narrow(1, 0, bases).flatten(1));
        return narrow == Site.InFeatures ? (small, large) : (large.t(), small.t());
    }
}

/// <summary>RandLoRA on a model, with the bases that its layers share.</summary>
internal sealed class AttachedRandLora(
    RandLora variant, RandLoraOptions options, IReadOnlyList<RandLoraLayer> layers, Weight sharedA,
    Weight sharedB) : AttachedVariant(variant, options, layers)
{
    public override IEnumerable<AdapterWeight> Weights => base.Weights
        .Append(new AdapterWeight(SharedRoot + sharedA.Name, sharedA, Trained: false, options.SaveProjection))
        .Append(new AdapterWeight(SharedRoot + sharedB.Name, sharedB, Trained: false, options.SaveProjection));

    public override void ReadPeft(PeftTensors tensors)
    {
        base.ReadPeft(tensors);

        // PEFT writes the shared bases under every layer once more.
        tensors.Ignore(key => key.EndsWith(".randlora_A", StringComparison.Ordinal) || key.EndsWith(".randlora_B", StringComparison.Ordinal));
    }

    protected override void Release()
    {
        sharedA.Dispose();
        sharedB.Dispose();
    }
}

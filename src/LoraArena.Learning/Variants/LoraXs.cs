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

// R rank, I features in, O features out.

/// <summary>
/// LoRA-XS: ΔW = (α/r) B M A with B = U S and A = Vᵀ frozen, from the largest singular values of W, and only the small matrix M [R, R] trained.
/// Bałazy et al. 2024, arXiv:2405.17604. PEFT has no such method; an adapter is written as the LoRA that it is, with B M for B.
/// </summary>
public sealed class LoraXs : LoraVariant<LoraXsOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-xs", "LoRA-XS", "Trains only a small square matrix between the weight's own leading directions.", "arXiv:2405.17604",
        PeftType: "LORA", ParameterFormula: "r²")
    {
        Group = VariantGroup.LowRank,
        Cost = "A singular value decomposition of each weight at the start; almost no optimiser memory.",
        StartsAsIdentity = false,
    };

    /// <summary>On disk it is plain LoRA, and is read as such.</summary>
    public override bool Claims(PeftConfigReader config) => false;

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, LoraXsOptions options, VariantContext context)
    {
        options.Fit(site.Shape);
        return new LoraXsLayer(site, options, context);
    }

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, LoraXsOptions options)
    {
        options.Fit(site);
        return (long)options.R * options.R;
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(LoraXsOptions options)
        => new Lora().PeftConfig(new LoraOptions { R = options.R, LoraAlpha = options.LoraAlpha, LoraDropout = options.LoraDropout });

    /// <inheritdoc/>
    public override LoraXsOptions FromConfig(PeftConfigReader config) => throw config.Error("a LoRA-XS adapter is read as the plain LoRA that it is");

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraXsOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLoraXs(this, options, [.. layers.Cast<LoraXsLayer>()]);
}

/// <summary>Options of LoRA-XS, by the names that PEFT has for LoRA.</summary>
public sealed record LoraXsOptions : VariantOptions
{
    /// <summary>Rank: leading directions of the weight that are mixed. A layer trains its square, so far higher ranks than LoRA's are usual.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 16;

    /// <summary>The update is scaled by lora_alpha / r.</summary>
    [Range(0.0, 100_000.0)]
    public double LoraAlpha { get; init; } = 16;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double LoraDropout { get; init; }

    /// <summary>Standard deviation of the small matrix' starting values.</summary>
    [Range(0.0, 1.0)]
    public double InitStd { get; init; } = 1e-5;

    /// <summary>Refuses a site that has fewer directions than the rank.</summary>
    /// <exception cref="OptionException">It has.</exception>
    internal void Fit(SiteShape site)
    {
        if (R > site.Narrow)
        {
            throw new OptionException(FormattableString.Invariant($"r is {R}, but {site.Path} is {site.OutFeatures} × {site.InFeatures} and has only {site.Narrow} singular values."));
        }
    }
}

/// <summary>LoRA-XS on a model: the frozen factors come from the weights, and files hold the product.</summary>
internal sealed class AttachedLoraXs(LoraVariant variant, LoraXsOptions options, IReadOnlyList<LoraXsLayer> layers) : AttachedVariant(variant, options, layers)
{
    /// <inheritdoc/>
    public override PeftAdapter ToPeft()
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var layer in layers)
        {
            var (a, b) = layer.AsLora();
            tensors.Add($"{Root}{layer.Site.Path}.lora_A.weight", a);
            tensors.Add($"{Root}{layer.Site.Path}.lora_B.weight", b);
        }

        var config = Variant.PeftConfig(Options);
        config["peft_type"] = Variant.Info.PeftTypeOnDisk;
        return new PeftAdapter(config, tensors);
    }

    /// <inheritdoc/>
    protected override void SetStartingValues(StartingData data)
    {
        using var noGrad = no_grad();
        foreach (var layer in layers) layer.TakeDirections();
    }
}

/// <summary>One layer with LoRA-XS.</summary>
internal sealed class LoraXsLayer : AdapterLayer
{
    private readonly double _scale;
    private readonly double _dropout;
    private readonly Weight _aRI;
    private readonly Weight _mRR;
    private readonly Weight _bOR;

    public LoraXsLayer(Projection site, LoraXsOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        (_scale, _dropout) = (options.LoraAlpha / options.R, options.LoraDropout);
        var device = site.Weight.Value.device;
        context.SeedStart();
        _mRR = new Weight("lora_xs_M", empty([options.R, options.R], ScalarType.Float32, CPU).normal_(0, options.InitStd).to(device));
        _aRI = new Weight("lora_xs_A", zeros([options.R, site.InFeatures], ScalarType.Float32, device));
        _bOR = new Weight("lora_xs_B", zeros([site.OutFeatures, options.R], ScalarType.Float32, device));
    }

    /// <summary>M, [R, R].</summary>
    public override IReadOnlyList<Weight> Weights => [_mRR];

    /// <summary>A and B: a checkpoint keeps them, as another device may give other signs to the same directions.</summary>
    public override IReadOnlyList<Weight> Internal => [_aRI, _bOR];

    /// <summary>Takes A and B from the largest singular values of the weight.</summary>
    public void TakeDirections()
    {
        using var scope = NewDisposeScope();
        var (u, s, vh) = linalg.svd(Site.Weight.Value.to(ScalarType.Float32), fullMatrices: false);
        var rank = _mRR.Shape[0];
        _aRI.Value.copy_(vh.narrow(0, 0, rank));
        _bOR.Value.copy_(u.narrow(1, 0, rank) * s.narrow(0, 0, rank));
    }

    /// <summary>A [R, I] and B M [O, R] of the LoRA that this is.</summary>
    public (Tensor A, Tensor B) AsLora() => (_aRI.Value, mm(_bOR.Value, _mRR.Value));

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = LinearProduct.Of(LinearProduct.Of(dropped, _aRI.Value), _mRR.Value) * _scale;
        return (Site.Base(x) + LinearProduct.Of(hNR, _bOR.Value).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (a, b) = AsLora();
        return (mm(b, a) * _scale).MoveToOuterDisposeScope();
    }
}

using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>LoHa: ΔW = (α/r) (A₁ B₁) ⊙ (A₂ B₂), entry by entry, which reaches rank r². Hyeon-Woo et al. 2021 (FedPara), arXiv:2108.06098.</summary>
public sealed class LoHa : LycorisVariant<LoHaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "loha", "LoHa", "Adds two low-rank products multiplied entry by entry, whose rank is the square of theirs.", "arXiv:2108.06098",
        PeftType: "LOHA", ParameterFormula: "2 · r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "The whole update is made for every pass: slower on short batches.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, LoHaOptions options, VariantContext context) => new LoHaLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, LoHaOptions options) => 2 * options.RankOf(site.Path) * (site.InFeatures + site.OutFeatures);
}

/// <summary>Options of LoHa.</summary>
public sealed record LoHaOptions : LycorisOptions;

/// <summary>One layer with LoHa.</summary>
internal sealed class LoHaLayer : LycorisLayer
{
    private readonly Weight _a1, _b1, _a2, _b2;
    private readonly bool _factored;

    public LoHaLayer(Projection site, LoHaOptions options, VariantContext context) : base(site, options, rescales: true)
    {
        using var scope = NewDisposeScope();
        var (rank, device) = (options.RankOf(site.Path), site.Weight.Value.device);
        context.SeedStart();
        _a1 = new Weight("hada_w1_a", LoraStart.Kaiming(site.OutFeatures, rank).to(device));
        _b1 = new Weight("hada_w1_b", LoraStart.Kaiming(rank, site.InFeatures).to(device));
        _a2 = new Weight("hada_w2_a", LoraStart.Kaiming(site.OutFeatures, rank).to(device));
        _b2 = new Weight("hada_w2_b", zeros([rank, site.InFeatures], ScalarType.Float32, device));

        // Two thin products of width r² cost less than one with the whole matrix, where that is much wider.
        _factored = 2L * rank * rank * (site.InFeatures + site.OutFeatures) <= site.InFeatures * site.OutFeatures;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [_a1, _b1, _a2, _b2];

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (mm(_a1.Value, _b1.Value) * mm(_a2.Value, _b2.Value) * Scale).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor Whole(Tensor x)
        => _factored ? base.Whole(x) : LinearProduct.Of(x, (Site.Weight.Value + DeltaWeight()).to(x.dtype), Site.Bias?.Value);

    /// <inheritdoc/>
    protected override Tensor Update(Tensor x)
    {
        if (!_factored) return LinearProduct.Of(x, DeltaWeight());

        // The product of two sums over ranks is a sum over pairs of ranks: ΔW = Σ (a₁ₖ ⊙ a₂ₗ)(b₁ₖ ⊙ b₂ₗ).
        var bQI = (_b1.Value.unsqueeze(1) * _b2.Value.unsqueeze(0)).flatten(0, 1);
        var aOQ = (_a1.Value.unsqueeze(2) * _a2.Value.unsqueeze(1)).flatten(1, 2);
        return LinearProduct.Of(LinearProduct.Of(x, bQI) * Scale, aOQ);
    }
}

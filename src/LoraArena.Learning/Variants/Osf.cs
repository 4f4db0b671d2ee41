using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// K trained singular triplets, I features in, O features out.

/// <summary>
/// OSF: the smaller singular triplets of the weight are trained, by gradients from which the directions of the larger ones are taken. Nayak et al.
/// 2025, arXiv:2504.07097. As in PEFT the gradients are projected, not the steps: Adam's scaling turns them a little.
/// </summary>
public sealed class Osf : LoraVariant<OsfOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "osf", "OSF", "Trains the weight's lesser singular triplets by gradients orthogonal to the greater ones.", "arXiv:2504.07097",
        PeftType: "OSF", ParameterFormula: "k · (I + O + 1), with k = min(I, O) − effective_rank")
    {
        Group = VariantGroup.Other,
        Cost = "A singular value decomposition at the start and half of each weight trained: as much memory as full fine-tuning of it.",
        LearningRateFactor = 0.1,
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, OsfOptions options, VariantContext context) => new OsfLayer(site, options.KeptOf(site.Shape));

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, OsfOptions options) => (site.Narrow - options.KeptOf(site)) * (site.InFeatures + site.OutFeatures + 1);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(OsfOptions options) => new() { ["effective_rank"] = options.EffectiveRank, ["init_weights"] = true };

    /// <inheritdoc/>
    public override OsfOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("rank_pattern");
        return new OsfOptions { EffectiveRank = config.Number("effective_rank", 0) is var rank and > 0 ? (int)rank : null };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, OsfOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedOsf(this, options, [.. layers.Cast<OsfLayer>()]);
}

/// <summary>Options of OSF, by PEFT's names.</summary>
public sealed record OsfOptions : VariantOptions
{
    /// <summary>Largest singular triplets that stay as they are; nothing for half of them.</summary>
    [Range(1, 65_536)]
    public int? EffectiveRank { get; init; }

    internal long KeptOf(SiteShape site)
    {
        if (EffectiveRank >= site.Narrow)
        {
            throw new Core.Runs.OptionException($"osf: effective_rank {EffectiveRank} leaves nothing to train at {site.Path}, which has {site.Narrow} singular values.");
        }

        return EffectiveRank ?? (site.Narrow / 2);
    }
}

/// <summary>One layer with OSF: ΔW = U diag(S) V less what they started as.</summary>
internal sealed class OsfLayer : AdapterLayer
{
    private readonly long _kept;
    private readonly Weight _u;
    private readonly Weight _s;
    private readonly Weight _v;
    private readonly IReadOnlyList<Weight> _start;
    private readonly IReadOnlyList<Weight> _greater;

    public OsfLayer(Projection site, long kept) : base(site)
    {
        _kept = kept;
        var (device, count) = (site.Weight.Value.device, site.Shape.Narrow - kept);
        Weight Make(string name, params long[] shape) => new(name, zeros(shape, ScalarType.Float32, device));
        _u = Make("osf_svd_params.U_low", site.OutFeatures, count);
        _s = Make("osf_svd_params.S_low", count);
        _v = Make("osf_svd_params.V_low", count, site.InFeatures);
        _start = [Make("osf_start_U", site.OutFeatures, count), Make("osf_start_S", count), Make("osf_start_V", count, site.InFeatures)];
        _greater = [Make("osf_greater_U", site.OutFeatures, kept), Make("osf_greater_V", kept, site.InFeatures)];
    }

    public override IReadOnlyList<Weight> Weights => [_u, _s, _v];

    public override IReadOnlyList<Weight> Internal => [.. _start, .. _greater];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (a, b) = Factors();
        return (Site.Base(x) + LinearProduct.Of(LinearProduct.Of(x.to(ScalarType.Float32), a), b).to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (a, b) = Factors();
        return mm(b, a).MoveToOuterDisposeScope();
    }

    /// <summary>Splits the weight's singular triplets.</summary>
    internal void Split()
    {
        using var scope = NewDisposeScope();
        var (u, s, v) = linalg.svd(Site.Weight.Value.to(ScalarType.Float32), fullMatrices: false);
        var count = _s.Count;
        foreach (var (first, second, value) in new[] { (_u, _start[0], u.narrow(1, _kept, count)), (_s, _start[1], s.narrow(0, _kept, count)), (_v, _start[2], v.narrow(0, _kept, count)) })
        {
            first.Value.detach().copy_(value);
            second.Value.copy_(value);
        }

        _greater[0].Value.copy_(u.narrow(1, 0, _kept));
        _greater[1].Value.copy_(v.narrow(0, 0, _kept));
    }

    /// <summary>Takes out of the gradients what would turn into the greater directions.</summary>
    internal void ProjectGradients()
    {
        using var scope = NewDisposeScope();
        var (u, v) = (_greater[0].Value, _greater[1].Value);
        _u.Value.grad?.sub_(mm(u, mm(u.t(), _u.Value.grad)));
        _v.Value.grad?.sub_(mm(mm(_v.Value.grad, v.t()), v));
    }

    // The difference of the two products as one of twice the width.
    private (Tensor A, Tensor B) Factors() => (cat([_v.Value, _start[2].Value], 0), cat([_u.Value * _s.Value, -_start[0].Value * _start[1].Value], 1));
}

/// <summary>OSF on a model.</summary>
internal sealed class AttachedOsf(Osf variant, OsfOptions options, IReadOnlyList<OsfLayer> layers) : AttachedVariant(variant, options, layers)
{
    public override void AfterBackward(long step)
    {
        foreach (var layer in layers) layer.ProjectGradients();
    }

    // A file holds what was trained alone; what it started as comes from the weights again.
    public override void ReadPeft(PeftTensors tensors)
    {
        foreach (var layer in layers) layer.Split();
        base.ReadPeft(tensors);
    }

    protected override void SetStartingValues(StartingData data)
    {
        using var noGrad = no_grad();
        foreach (var layer in layers) layer.Split();
    }
}

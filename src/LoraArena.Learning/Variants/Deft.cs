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
/// DEFT: ΔW = P (s R − relu(P)ᵀ W): takes the part of the weight that P spans out and puts a trained one in its place. As PEFT 0.21 has it, with
/// its decomposition "relu".
/// </summary>
public sealed class Deft : LoraVariant<DeftOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "deft", "DEFT", "Exchanges a small subspace of each weight for a trained one.", "huggingface/peft, DEFT", PeftType: "DEFT",
        ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "One more product with the weight for every pass.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, DeftOptions options, VariantContext context) => new DeftLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, DeftOptions options) => options.R * (site.InFeatures + site.OutFeatures);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(DeftOptions options) => new()
    {
        ["r"] = options.R,
        ["alpha"] = options.Alpha,
        ["decomposition_method"] = "relu",
        ["para"] = false,
        ["deft_dropout"] = options.DeftDropout,
    };

    /// <inheritdoc/>
    public override DeftOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("para", "fan_in_fan_out");
        config.Require("decomposition_method", "relu");
        var alpha = config.Number("alpha", 0);
        return new DeftOptions { R = config.Size("r", 8), Alpha = alpha > 0 ? alpha : null, DeftDropout = config.Number("deft_dropout", 0) };
    }
}

/// <summary>Options of DEFT, by PEFT's names.</summary>
public sealed record DeftOptions : VariantOptions
{
    /// <summary>Rank of the subspace.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 8;

    /// <summary>What is put in is scaled by alpha / r; nothing for a scale of 1.</summary>
    [Range(0.0001, 100_000.0)]
    public double? Alpha { get; init; }

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double DeftDropout { get; init; }
}

/// <summary>One layer with DEFT.</summary>
internal sealed class DeftLayer : AdapterLayer
{
    private const double Deviation = 0.02;
    private readonly double _scale;
    private readonly double _dropout;

    public DeftLayer(Projection site, DeftOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        (_scale, _dropout) = (options.Alpha is { } alpha ? alpha / options.R : 1, options.DeftDropout);
        context.SeedStart();
        P = new Weight("deft_P", (randn([site.OutFeatures, options.R], ScalarType.Float32, CPU) * Deviation).to(site.Weight.Value.device));
        R = new Weight("deft_R", TakenRI() / _scale);
    }

    /// <summary>P, [O, R].</summary>
    public Weight P { get; }

    /// <summary>R, [R, I].</summary>
    public Weight R { get; }

    public override IReadOnlyList<Weight> Weights => [P, R];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var y = LinearProduct.Of(LinearProduct.Of(dropped, ChangeRI()), P.Value);
        return (Site.Base(x) + y.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return mm(P.Value, ChangeRI()).MoveToOuterDisposeScope();
    }

    private Tensor ChangeRI() => (_scale * R.Value) - TakenRI();

    private Tensor TakenRI() => mm(P.Value.clamp_min(0).t(), Site.Weight.Value.to(ScalarType.Float32));
}

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
/// DeLoRA: ΔW = (λ/r) Σ bₖ aₖ / (|bₖ| |aₖ|), its columns scaled by the norms of the weight's: direction and strength are trained apart, and λ
/// bounds how far the weight can move. Bini et al. 2025, arXiv:2503.18225.
/// </summary>
public sealed class DeLora : LoraVariant<DeLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "delora", "DeLoRA", "LoRA with normalised factors and one trained strength a layer, which bounds how far the weight moves.",
        "arXiv:2503.18225", PeftType: "DELORA", ParameterFormula: "r · (I + O) + 1")
    {
        Group = VariantGroup.Magnitude,
        Cost = "Norms of both factors for every pass.",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, DeLoraOptions options, VariantContext context) => new DeLoraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, DeLoraOptions options) => (options.RankOf(site.Path) * (site.InFeatures + site.OutFeatures)) + 1;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(DeLoraOptions options) => new()
    {
        ["r"] = options.R,
        ["delora_lambda"] = options.DeloraLambda,
        ["module_dropout"] = options.ModuleDropout,
        ["rank_pattern"] = SitePattern.ParseRanks(options.RankPattern).ToJson(),
        ["lambda_pattern"] = SitePattern.Parse("lambda_pattern", options.LambdaPattern).ToJson(),
        ["bias"] = "none",
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override DeLoraOptions FromConfig(PeftConfigReader config)
    {
        config.Require("bias", "none");
        return new DeLoraOptions
        {
            R = config.Size("r", 8),
            DeloraLambda = config.Number("delora_lambda", 15),
            ModuleDropout = config.Number("module_dropout", 0),
            RankPattern = config.Table("rank_pattern"),
            LambdaPattern = config.Table("lambda_pattern"),
        };
    }
}

/// <summary>Options of DeLoRA, by PEFT's names.</summary>
public sealed record DeLoraOptions : VariantOptions
{
    /// <summary>Rank: the width between the two thin matrices.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 8;

    /// <summary>Where the trained strength λ starts. Times the norms of the weight's columns it is the most that the weight can move.</summary>
    [Range(0.0, 100_000.0)]
    public double DeloraLambda { get; init; } = 15;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double ModuleDropout { get; init; }

    /// <summary>Another rank for some layers: the end of a layer's path, an equals sign and the rank, as in query=4, output.dense=32.</summary>
    public string? RankPattern { get; init; }

    /// <summary>Another delora_lambda for some layers, written as for rank_pattern.</summary>
    public string? LambdaPattern { get; init; }

    /// <summary>Rank of a site.</summary>
    public int RankOf(string path) => SitePattern.Parse("rank_pattern", RankPattern).For(path) is { } rank ? (int)rank : R;

    /// <summary>Where a site's λ starts.</summary>
    public double LambdaOf(string path) => SitePattern.Parse("lambda_pattern", LambdaPattern).For(path) ?? DeloraLambda;

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        _ = SitePattern.ParseRanks(RankPattern);
        _ = SitePattern.Parse("lambda_pattern", LambdaPattern);
    }
}

/// <summary>One layer with DeLoRA.</summary>
internal sealed class DeLoraLayer : AdapterLayer
{
    // PEFT's: with B at zero it also keeps the first forward pass finite.
    private const double SmallestNorm = 1e-4;
    private readonly double _dropout;
    private readonly int _rank;
    private readonly Weight _aRI;
    private readonly Weight _bOR;
    private readonly Weight _lambda;
    private readonly Weight _columnNormsI;

    public DeLoraLayer(Projection site, DeLoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        (_rank, _dropout) = (options.RankOf(site.Path), options.ModuleDropout);
        var device = site.Weight.Value.device;
        context.SeedStart();
        _aRI = new Weight("delora_A", LoraStart.Kaiming(_rank, site.InFeatures).to(device));
        _bOR = new Weight("delora_B", zeros([site.OutFeatures, _rank], ScalarType.Float32, device));
        _lambda = new Weight("delora_lambda", full([1], options.LambdaOf(site.Path), ScalarType.Float32, device));
        _columnNormsI = new Weight("delora_w_norm", linalg.vector_norm(site.Weight.Value.detach().to(ScalarType.Float32), dims: [0]));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [_aRI, _bOR, _lambda];

    /// <summary>The norms of the weight's columns, which PEFT saves too: [I].</summary>
    public override IReadOnlyList<Weight> Frozen => [_columnNormsI];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = LinearProduct.Of(dropped, _aRI.Value * _columnNormsI.Value);
        return (Site.Base(x) + LinearProduct.Of(hNR, ScaledB()).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return mm(ScaledB(), _aRI.Value * _columnNormsI.Value).MoveToOuterDisposeScope();
    }

    // B with each column scaled by λ / (r |aₖ| |bₖ|): [O, R].
    private Tensor ScaledB()
    {
        var (aR, bR) = (AtLeast(linalg.vector_norm(_aRI.Value, dims: [1])), AtLeast(linalg.vector_norm(_bOR.Value, dims: [0])));
        return _bOR.Value * (_lambda.Value / _rank / (aR * bR));
    }

    private static Tensor AtLeast(Tensor norms) => norms.masked_fill(norms < SmallestNorm, SmallestNorm);
}

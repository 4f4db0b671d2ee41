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
/// VeRA: y = Wx + b + b ⊙ B (d ⊙ A dropout(x)), with A and B random, frozen and shared by all layers; only the vectors b and d are trained.
/// Kopiczko et al. 2023, arXiv:2310.11454. The random matrices are PEFT's bit for bit: one generator on the CPU, seeded with projection_prng_key.
/// </summary>
public sealed class Vera : LoraVariant<VeraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "vera", "VeRA", "Two trained vectors a layer around random matrices that all layers share: very few numbers.", "arXiv:2310.11454",
        PeftType: "VERA", ParameterFormula: "r + O")
    {
        Group = VariantGroup.LowRank,
        Cost = "Almost no optimiser memory; time grows with its large rank.",
        LearningRateFactor = 8,
    };

    /// <inheritdoc/>
    public override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
    {
        using var scope = NewDisposeScope();
        var own = (VeraOptions)options;
        var sites = SitesOf(model, options);
        using var generator = new Generator((ulong)own.ProjectionPrngKey, CPU);
        var a = new Weight("vera_A", Draw(own.R, sites.Max(site => site.InFeatures), generator).to(model.Device));
        var b = new Weight("vera_B", Draw(sites.Max(site => site.OutFeatures), own.R, generator).to(model.Device));
        var layers = sites.Select(site => new VeraLayer(site, own, a, b)).ToList();
        foreach (var layer in layers) layer.Site.Adapter = layer;
        return new AttachedVera(this, own, layers, a, b);
    }

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, VeraOptions options, VariantContext context)
        => throw new NotSupportedException("The layers share their matrices; attach the variant to a model.");

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, VeraOptions options) => options.R + site.OutFeatures;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(VeraOptions options) => new()
    {
        ["r"] = options.R,
        ["d_initial"] = options.DInitial,
        ["vera_dropout"] = options.VeraDropout,
        ["projection_prng_key"] = options.ProjectionPrngKey,
        ["save_projection"] = options.SaveProjection,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override VeraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out");
        config.Require("bias", "none");
        return new VeraOptions
        {
            R = config.Size("r", 256),
            DInitial = config.Number("d_initial", 0.1),
            VeraDropout = config.Number("vera_dropout", 0),
            ProjectionPrngKey = (int)config.Number("projection_prng_key", 0),
            SaveProjection = config.Flag("save_projection", defaultValue: true),
        };
    }

    // Kaiming's rule with gain √2: uniform within ±√(6 / columns).
    private static Tensor Draw(long rows, long columns, Generator generator)
    {
        var bound = Math.Sqrt(2) * Math.Sqrt(3.0 / columns);
        return empty([rows, columns], ScalarType.Float32, CPU).uniform_(-bound, bound, generator);
    }
}

/// <summary>Options of VeRA, by PEFT's names.</summary>
public sealed record VeraOptions : VariantOptions
{
    /// <summary>Rank of the shared random matrices. A higher rank costs time but hardly any trained numbers.</summary>
    [Range(1, 65_536)]
    public int R { get; init; } = 256;

    /// <summary>Where the vector d starts; b starts at 0.</summary>
    [Range(0.0, 100.0)]
    public double DInitial { get; init; } = 0.1;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double VeraDropout { get; init; }

    /// <summary>Seed of the shared random matrices: whoever has it can draw them again.</summary>
    [Range(0, int.MaxValue)]
    public int ProjectionPrngKey { get; init; }

    /// <summary>Writes the shared matrices into adapter files; without them a reader draws them again from the key.</summary>
    public bool SaveProjection { get; init; } = true;
}

/// <summary>One layer with VeRA.</summary>
public sealed class VeraLayer : AdapterLayer
{
    private readonly double _dropout;
    private readonly Weight _sharedA;
    private readonly Weight _sharedB;

    /// <summary>Makes the layer around the shared matrices, A [R, largest I] and B [largest O, R].</summary>
    public VeraLayer(Projection site, VeraOptions options, Weight sharedA, Weight sharedB) : base(site)
    {
        using var scope = NewDisposeScope();
        (_dropout, _sharedA, _sharedB) = (options.VeraDropout, sharedA, sharedB);
        var device = site.Device;
        LambdaB = new Weight("vera_lambda_b", zeros([site.OutFeatures], ScalarType.Float32, device));
        LambdaD = new Weight("vera_lambda_d", full([options.R], options.DInitial, ScalarType.Float32, device));
    }

    /// <summary>b, [O].</summary>
    public Weight LambdaB { get; }

    /// <summary>d, [R].</summary>
    public Weight LambdaD { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [LambdaB, LambdaD];

    /// <summary>The matrices, by what they stand in.</summary>
    public (Weight A, Weight B) Shared => (_sharedA, _sharedB);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        if ((_dropout == 0 || !mode.Training) && Merges(x.numel() / Site.InFeatures))
        {
            return LinearProduct.Of(x, Site.Weight.Value + LinearProduct.Of(ScaledB(), SharedA().t()), Site.Bias?.Value).MoveToOuterDisposeScope();
        }

        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = LinearProduct.Of(dropped, SharedA()) * LambdaD.Value;
        var y = LinearProduct.Of(hNR, SharedB()) * LambdaB.Value;
        return (Site.Base(x) + y.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return mm(ScaledB(), SharedA()).MoveToOuterDisposeScope();
    }

    private Tensor SharedA() => _sharedA.Value.narrow(1, 0, Site.InFeatures);

    private Tensor SharedB() => _sharedB.Value.narrow(0, 0, Site.OutFeatures);

    private Tensor ScaledB() => LambdaB.Value.unsqueeze(1) * SharedB() * LambdaD.Value;

    // Multiplications a row, forward and backward, beside the base's own: one matrix in the place of base and adapter costs the gradient of that matrix and,
    // shared by all rows, B A and what that gradient is to B; the factors cost four products with the rows. Of fewer bits, the base would round ΔW away.
    private bool Merges(long rows)
    {
        var (inFeatures, outFeatures, rank) = (Site.InFeatures, Site.OutFeatures, (double)LambdaD.Count);
        return Site.Matrix is DenseMatrix { ComputeType: ScalarType.Float32 }
            && inFeatures * outFeatures * (1 + (2 * rank / rows)) < 2 * rank * (inFeatures + outFeatures);
    }
}

/// <summary>VeRA on a model, with the matrices that its layers share.</summary>
internal sealed class AttachedVera(
    Vera variant, VeraOptions options, IReadOnlyList<VeraLayer> layers, Weight sharedA,
    Weight sharedB) : AttachedVariant(variant, options, layers)
{
    public override IEnumerable<AdapterWeight> Weights => base.Weights
        .Append(new AdapterWeight(SharedRoot + sharedA.Name, sharedA, Trained: false, options.SaveProjection))
        .Append(new AdapterWeight(SharedRoot + sharedB.Name, sharedB, Trained: false, options.SaveProjection));

    protected override void Release()
    {
        sharedA.Dispose();
        sharedB.Dispose();
    }
}

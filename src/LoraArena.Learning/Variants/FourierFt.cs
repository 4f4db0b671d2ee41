using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// F frequencies, I features in, O features out.

/// <summary>
/// FourierFT: ΔW is the inverse Fourier transform of a matrix that is zero but for a few trained entries at random places. Gao et al. 2024, arXiv:2405.03003.
/// </summary>
public sealed class FourierFt : LoraVariant<FourierFtOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "fourierft", "FourierFT", "Trains a few frequencies of each weight's update.", "arXiv:2405.03003", PeftType: "FOURIERFT", ParameterFormula: "n")
    {
        Group = VariantGroup.Other,
        Cost = "The whole update is made by a Fourier transform for every pass: slower.",
        SizeOption = "n_frequency",
        StartsAsIdentity = false,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, FourierFtOptions options, VariantContext context) => new FourierFtLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, FourierFtOptions options)
    {
        Spectrum.RequireFits("fourierft", site, options.NFrequency);
        return options.NFrequency;
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(FourierFtOptions options) => new()
    {
        ["n_frequency"] = options.NFrequency,
        ["scaling"] = options.Scaling,
        ["random_loc_seed"] = options.RandomLocSeed,
        ["n_frequency_pattern"] = new JsonObject(),
        ["fan_in_fan_out"] = false,
        ["bias"] = "none",
        ["init_weights"] = options.InitWeights,
    };

    /// <inheritdoc/>
    public override FourierFtOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("n_frequency_pattern", "fan_in_fan_out");
        config.Require("bias", "none");
        return new FourierFtOptions
        {
            NFrequency = config.Size("n_frequency", 1000),
            Scaling = config.Number("scaling", 150),
            RandomLocSeed = (int)config.Number("random_loc_seed", 777),
        };
    }
}

/// <summary>Options of FourierFT, by PEFT's names.</summary>
public sealed record FourierFtOptions : VariantOptions
{
    /// <summary>Trained frequencies of each layer.</summary>
    [Range(1, 65_536)]
    public int NFrequency { get; init; } = 1000;

    /// <summary>The update is multiplied by this.</summary>
    [Range(0.0, 100_000.0)]
    public double Scaling { get; init; } = 150;

    /// <summary>Seed of the places of the frequencies.</summary>
    [Range(0, int.MaxValue)]
    public int RandomLocSeed { get; init; } = 777;

    /// <summary>Starts with zeros, so that the model is its base at first; else with normal numbers, as the paper does.</summary>
    public bool InitWeights { get; init; }
}

/// <summary>Trained entries of a matrix at places that a seed gives: the first of a permutation of all, drawn on the CPU as PEFT does.</summary>
internal static class Spectrum
{
    /// <summary>Places in the flattened matrix, [F].</summary>
    public static Tensor Places(SiteShape site, long count, long seed, Device device)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randperm(site.InFeatures * site.OutFeatures, ScalarType.Int64, CPU, generator: generator).narrow(0, 0, count).clone().to(device);
    }

    /// <summary>The matrix, [O, I].</summary>
    public static Tensor Dense(Tensor values, Tensor places, SiteShape site)
        => zeros([site.OutFeatures * site.InFeatures], ScalarType.Float32, values.device).scatter(0, places, values).view(site.OutFeatures, site.InFeatures);

    /// <summary>Refuses more entries than the matrix has.</summary>
    /// <exception cref="OptionException">There are fewer.</exception>
    public static void RequireFits(string variant, SiteShape site, long count)
    {
        if (count > site.InFeatures * site.OutFeatures)
        {
            throw new OptionException($"{variant}: n_frequency {count} is more than the {site.InFeatures * site.OutFeatures} entries of {site.Path}.");
        }
    }
}

/// <summary>One layer with FourierFT.</summary>
internal sealed class FourierFtLayer : DeltaLayer
{
    private readonly double _scaling;
    private readonly Tensor _places;

    public FourierFtLayer(Projection site, FourierFtOptions options, VariantContext context) : base(site)
    {
        Spectrum.RequireFits("fourierft", site.Shape, options.NFrequency);
        using var scope = NewDisposeScope();
        _scaling = options.Scaling;
        context.SeedStart();
        var start = randn([options.NFrequency], ScalarType.Float32, CPU);
        if (options.InitWeights) start.zero_();
        Values = new Weight("fourierft_spectrum", start.to(site.Weight.Value.device));
        _places = Spectrum.Places(site.Shape, options.NFrequency, options.RandomLocSeed, site.Weight.Value.device).DetachFromDisposeScope();
    }

    /// <summary>The trained entries, [F].</summary>
    public Weight Values { get; }

    public override IReadOnlyList<Weight> Weights => [Values];

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (fft.ifft2(Spectrum.Dense(Values.Value, _places, Site.Shape)).real * _scaling).MoveToOuterDisposeScope();
    }

    protected override void Release() => _places.Dispose();
}

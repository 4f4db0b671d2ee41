using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// F entries, I features in, O features out.

/// <summary>
/// WaveFT: ΔW is the inverse wavelet transform (Haar, one level) of a matrix that is zero but for a few trained entries at random places. Bilican et
/// al. 2025, arXiv:2505.12532.
/// </summary>
public sealed class WaveFt : LoraVariant<WaveFtOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "waveft", "WaveFT", "Trains a few wavelet coefficients of each weight's update.", "arXiv:2505.12532", PeftType: "WAVEFT", ParameterFormula: "n")
    {
        Group = VariantGroup.Other,
        Cost = "The whole update is made for every pass: slower on short batches.",
        SizeOption = "n_frequency",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, WaveFtOptions options, VariantContext context) => new WaveFtLayer(site, options);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, WaveFtOptions options)
    {
        options.RequireFits(site);
        return options.NFrequency;
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(WaveFtOptions options) => new()
    {
        ["n_frequency"] = options.NFrequency,
        ["scaling"] = options.Scaling,
        ["random_loc_seed"] = options.RandomLocSeed,
        ["wavelet_family"] = "db1",
        ["use_idwt"] = options.UseIdwt,
        ["proportional_parameters"] = false,
        ["n_frequency_pattern"] = new JsonObject(),
        ["fan_in_fan_out"] = false,
        ["bias"] = "none",
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override WaveFtOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("n_frequency_pattern", "fan_in_fan_out", "proportional_parameters");
        config.Require("bias", "none");
        config.Require("wavelet_family", "db1");
        return new WaveFtOptions
        {
            NFrequency = config.Size("n_frequency", 2592),
            Scaling = config.Number("scaling", 25),
            RandomLocSeed = (int)config.Number("random_loc_seed", 777),
            UseIdwt = config.Flag("use_idwt", defaultValue: true),
        };
    }
}

/// <summary>Options of WaveFT, by PEFT's names.</summary>
public sealed record WaveFtOptions : VariantOptions
{
    /// <summary>Trained coefficients of each layer.</summary>
    [Range(1, 65_536)]
    public int NFrequency { get; init; } = 2592;

    /// <summary>The update is multiplied by this.</summary>
    [Range(0.0, 100_000.0)]
    public double Scaling { get; init; } = 25;

    /// <summary>Seed of the places of the coefficients.</summary>
    [Range(0, int.MaxValue)]
    public int RandomLocSeed { get; init; } = 777;

    /// <summary>Transforms the coefficients; else they are entries of the update themselves.</summary>
    public bool UseIdwt { get; init; } = true;

    internal void RequireFits(SiteShape site)
    {
        Spectrum.RequireFits("waveft", site, NFrequency);
        if (UseIdwt && (site.InFeatures % 2 != 0 || site.OutFeatures % 2 != 0))
        {
            throw new OptionException($"waveft: {site.Path} is {site.InFeatures} to {site.OutFeatures} wide; the transform needs even widths.");
        }
    }
}

/// <summary>One layer with WaveFT.</summary>
internal sealed class WaveFtLayer : DeltaLayer
{
    private readonly WaveFtOptions _options;
    private readonly Tensor _places;

    public WaveFtLayer(Projection site, WaveFtOptions options) : base(site)
    {
        options.RequireFits(site.Shape);
        using var scope = NewDisposeScope();
        _options = options;
        var device = site.Weight.Value.device;
        Values = new Weight("waveft_spectrum", zeros([options.NFrequency], ScalarType.Float32, device));
        _places = Spectrum.Places(site.Shape, options.NFrequency, options.RandomLocSeed, device).DetachFromDisposeScope();
    }

    /// <summary>The trained coefficients, [F].</summary>
    public Weight Values { get; }

    public override IReadOnlyList<Weight> Weights => [Values];

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var dense = Spectrum.Dense(Values.Value, _places, Site.Shape);
        if (_options.UseIdwt) dense = InverseHaar(dense);
        return (dense * _options.Scaling).MoveToOuterDisposeScope();
    }

    protected override void Release() => _places.Dispose();

    // Four quarters (means; differences along one side, the other, both) become each square of 2 × 2 entries.
    private static Tensor InverseHaar(Tensor s)
    {
        var (rows, columns) = (s.shape[0] / 2, s.shape[1] / 2);
        var (top, bottom) = (s.narrow(0, 0, rows), s.narrow(0, rows, rows));
        var (mean, vertical, horizontal, both) =
            (top.narrow(1, 0, columns), top.narrow(1, columns, columns), bottom.narrow(1, 0, columns), bottom.narrow(1, columns, columns));
        var first = stack([mean + horizontal + vertical + both, mean - horizontal + vertical - both], 2);
        var second = stack([mean + horizontal - vertical - both, mean - horizontal - vertical + both], 2);
        return stack([first, second], 1).reshape(s.shape) / 2;
    }
}

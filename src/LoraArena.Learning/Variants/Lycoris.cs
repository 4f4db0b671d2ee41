using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>What LoHa and LoKr have in common, by PEFT's names.</summary>
public abstract record LycorisOptions : VariantOptions
{
    /// <summary>Rank of the thin factors.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 8;

    /// <summary>The update is scaled by alpha / r.</summary>
    [Range(0.0, 100_000.0)]
    public double Alpha { get; init; } = 8;

    /// <summary>Probability that training leaves an output feature of the update out.</summary>
    [Range(0.0, 0.99)]
    public double RankDropout { get; init; }

    /// <summary>Probability that training leaves a layer's whole update out.</summary>
    [Range(0.0, 0.99)]
    public double ModuleDropout { get; init; }

    /// <summary>Another rank for some layers: the end of a layer's path, an equals sign and the rank, as in query=4, output.dense=32.</summary>
    public string? RankPattern { get; init; }

    /// <summary>Another alpha for some layers, written as for rank_pattern.</summary>
    public string? AlphaPattern { get; init; }

    /// <summary>Rank of a site.</summary>
    public int RankOf(string path) => SitePattern.Parse("rank_pattern", RankPattern).For(path) is { } rank ? (int)rank : R;

    /// <summary>What multiplies the update at a site.</summary>
    public double ScaleOf(string path) => (SitePattern.Parse("alpha_pattern", AlphaPattern).For(path) ?? Alpha) / RankOf(path);

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        _ = SitePattern.ParseRanks(RankPattern);
        _ = SitePattern.Parse("alpha_pattern", AlphaPattern);
    }
}

/// <summary>LoHa and LoKr: they share options and what is written of them.</summary>
/// <typeparam name="TOptions">The record of its options.</typeparam>
public abstract class LycorisVariant<TOptions> : LoraVariant<TOptions> where TOptions : LycorisOptions, new()
{
    /// <inheritdoc/>
    public override JsonObject PeftConfig(TOptions options) => new()
    {
        ["r"] = options.R,
        ["alpha"] = options.Alpha,
        ["rank_dropout"] = options.RankDropout,
        ["module_dropout"] = options.ModuleDropout,
        ["rank_pattern"] = SitePattern.ParseRanks(options.RankPattern).ToJson(),
        ["alpha_pattern"] = SitePattern.Parse("alpha_pattern", options.AlphaPattern).ToJson(),
        ["use_effective_conv2d"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override TOptions FromConfig(PeftConfigReader config) => new TOptions() with
    {
        R = config.Size("r", 8),
        Alpha = config.Number("alpha", 8),
        RankDropout = config.Number("rank_dropout", 0),
        ModuleDropout = config.Number("module_dropout", 0),
        RankPattern = config.Table("rank_pattern"),
        AlphaPattern = config.Table("alpha_pattern"),
    };
}

/// <summary>A layer of LoHa or LoKr: y = base + update, with the dropouts of both.</summary>
/// <param name="site">The layer that carries it.</param>
/// <param name="options">Its options.</param>
/// <param name="rescales">True if what rank_dropout keeps is scaled up.</param>
public abstract class LycorisLayer(Projection site, LycorisOptions options, bool rescales) : AdapterLayer(site)
{
    /// <summary>What multiplies the update.</summary>
    protected double Scale { get; } = options.ScaleOf(site.Path);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        if (!mode.Training || (options.RankDropout == 0 && options.ModuleDropout == 0)) return Whole(x).MoveToOuterDisposeScope();
        var update = Update(x.to(ScalarType.Float32));
        var device = x.device;
        if (options.RankDropout > 0)
        {
            var kept = (rand(Site.OutFeatures, ScalarType.Float32, device) > options.RankDropout).to(ScalarType.Float32);

            // Where nothing is kept, nothing is scaled.
            update = update * (rescales ? kept / kept.mean().clamp_min(1e-6) : kept);
        }

        // A factor of 0 or 1 and not a branch: to branch on it, the device would have to be waited for.
        if (options.ModuleDropout > 0) update = update * (rand(1, ScalarType.Float32, device) > options.ModuleDropout).to(ScalarType.Float32);
        return (Site.Base(x) + update.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>Base and update without dropout: [.., I] → [.., O].</summary>
    protected virtual Tensor Whole(Tensor x) => Site.Base(x) + Update(x.to(ScalarType.Float32)).to(x.dtype);

    /// <summary>The update alone: fp32 [.., I] → [.., O].</summary>
    protected abstract Tensor Update(Tensor x);
}

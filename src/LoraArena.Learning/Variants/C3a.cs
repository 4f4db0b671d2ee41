using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// B block size, I features in, O features out.

/// <summary>
/// C3A: ΔW consists of circulant blocks, each given by one trained row: entry (i, j) of block (p, q) is k[p, q, (j − i) mod b] / I. Chen et al.
/// 2024, arXiv:2407.19342.
/// </summary>
public sealed class C3a : LoraVariant<C3aOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "c3a", "C3A", "An update of circulant blocks: of full rank with few numbers.", "arXiv:2407.19342", PeftType: "C3A", ParameterFormula: "I · O / b")
    {
        Group = VariantGroup.Other,
        Cost = "The whole update is made for every pass: slower on short batches.",
        SizeOption = "block_size",
        StartsAsIdentity = false,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, C3aOptions options, VariantContext context) => new C3aLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, C3aOptions options)
    {
        options.RequireDivides(site);
        return site.InFeatures * site.OutFeatures / options.BlockSize;
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(C3aOptions options) => new()
    {
        ["block_size"] = options.BlockSize,
        ["block_size_pattern"] = new JsonObject(),
        ["bias"] = "none",
        ["init_weights"] = options.InitWeights == "zero" ? true : "xavier_uniform",
    };

    /// <inheritdoc/>
    public override C3aOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("block_size_pattern");
        config.Require("bias", "none");
        return new C3aOptions { BlockSize = config.Size("block_size", 256) };
    }
}

/// <summary>Options of C3A, by PEFT's names.</summary>
public sealed record C3aOptions : VariantOptions
{
    /// <summary>Size of a circulant block. It must divide the widths of every adapted layer; a larger one trains fewer numbers.</summary>
    [Range(1, 65_536)]
    public int BlockSize { get; init; } = 256;

    /// <summary>Starting values: xavier_uniform as PEFT draws them, with which the model is not quite its base at first, or zero.</summary>
    [AllowedValues("xavier_uniform", "zero")]
    public string InitWeights { get; init; } = "xavier_uniform";

    internal void RequireDivides(SiteShape site)
    {
        if (site.InFeatures % BlockSize != 0 || site.OutFeatures % BlockSize != 0)
        {
            throw new OptionException($"c3a: block_size {BlockSize} does not divide {site.Path}, {site.InFeatures} to {site.OutFeatures} wide; take a common divisor of all widths or fewer target_modules.");
        }
    }
}

/// <summary>One layer with C3A.</summary>
internal sealed class C3aLayer : DeltaLayer
{
    private readonly long _block;
    private readonly Tensor _places;

    public C3aLayer(Projection site, C3aOptions options, VariantContext context) : base(site)
    {
        options.RequireDivides(site.Shape);
        using var scope = NewDisposeScope();
        _block = options.BlockSize;
        context.SeedStart();
        var (device, bound) = (site.Weight.Value.device, Math.Sqrt(6.0 / (site.InFeatures + site.OutFeatures)));
        var kernel = empty([site.OutFeatures / _block, site.InFeatures / _block, _block], ScalarType.Float32, CPU).uniform_(-bound, bound);
        if (options.InitWeights == "zero") kernel.zero_();
        Kernel = new Weight("c3a_kernel", kernel.to(device));
        var steps = arange(_block, ScalarType.Int64, CPU);
        _places = (steps.unsqueeze(0) - steps.unsqueeze(1)).remainder(_block).flatten().to(device).DetachFromDisposeScope();
    }

    /// <summary>The first row of each block, [O / B, I / B, B].</summary>
    public Weight Kernel { get; }

    public override IReadOnlyList<Weight> Weights => [Kernel];

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = (Kernel.Shape[0], Kernel.Shape[1]);
        var blocks = Kernel.Value.gather(2, _places.expand(rows, columns, _places.shape[0])).view(rows, columns, _block, _block);
        return (blocks.permute(0, 2, 1, 3).reshape(Site.OutFeatures, Site.InFeatures) / Site.InFeatures).MoveToOuterDisposeScope();
    }

    protected override void Release() => _places.Dispose();
}

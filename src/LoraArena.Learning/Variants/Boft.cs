using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// M butterfly factors, K blocks, B their width, I features in, O features out, N any leading sizes.

/// <summary>
/// BOFT: turns the input of a layer by a product of rotations in blocks, between which a butterfly permutation mixes the blocks, and scales the output.
/// Liu et al. 2023, arXiv:2311.06243.
/// </summary>
public sealed class Boft : LoraVariant<BoftOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "boft", "BOFT", "Rotates a layer's input by a few sparse rotations in butterfly order, and scales its output.", "arXiv:2311.06243",
        PeftType: "BOFT", ParameterFormula: "m · b · I + O")
    {
        Group = VariantGroup.Other,
        Cost = "Several block rotations of each input: slower.",
        SizeOption = "boft_block_size",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, BoftOptions options, VariantContext context) => new BoftLayer(site, options);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, BoftOptions options)
    {
        options.RequireFits(site);
        return (options.BoftNButterflyFactor * options.BoftBlockSize * site.InFeatures) + site.OutFeatures;
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(BoftOptions options) => new()
    {
        ["boft_block_size"] = options.BoftBlockSize,
        ["boft_block_num"] = 0,
        ["boft_n_butterfly_factor"] = options.BoftNButterflyFactor,
        ["boft_dropout"] = 0.0,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override BoftOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("fan_in_fan_out");
        config.Require("bias", "none");
        config.Require("boft_block_num", "0");
        return new BoftOptions { BoftBlockSize = config.Size("boft_block_size", 4), BoftNButterflyFactor = config.Size("boft_n_butterfly_factor", 1) };
    }
}

/// <summary>Options of BOFT, by PEFT's names.</summary>
public sealed record BoftOptions : VariantOptions
{
    /// <summary>Width of a block that is rotated by itself; it must divide the widths of the adapted layers' inputs.</summary>
    [Range(2, 1024)]
    public int BoftBlockSize { get; init; } = 4;

    /// <summary>
    /// Rotations one after another. With m of them each feature meets those of 2^(m−1) blocks; the block size must be even then. PEFT needs
    /// its CUDA extension for more than 1.
    /// </summary>
    [Range(1, 16)]
    public int BoftNButterflyFactor { get; init; } = 1;

    internal void RequireFits(SiteShape site)
    {
        var together = (long)BoftBlockSize << (BoftNButterflyFactor - 1);
        if (site.InFeatures % together != 0 || (BoftNButterflyFactor > 1 && BoftBlockSize % 2 != 0))
        {
            throw new OptionException($"boft: boft_block_size {BoftBlockSize} with boft_n_butterfly_factor {BoftNButterflyFactor} does not fit {site.Path}, whose input is {site.InFeatures} wide: the size must divide it{(BoftNButterflyFactor > 1 ? $", be even, and {together} must divide it too" : "")}.");
        }
    }
}

/// <summary>One layer with BOFT: y = s ⊙ (W (x R_M … R_1)) + b.</summary>
internal sealed class BoftLayer : AdapterLayer
{
    private readonly long _blocks;
    private readonly long _width;
    private readonly Weight _blocksMKBB;
    private readonly Weight _scaleO1;
    private readonly IReadOnlyList<(Tensor There, Tensor Back)?> _orders;

    public BoftLayer(Projection site, BoftOptions options) : base(site)
    {
        options.RequireFits(site.Shape);
        using var scope = NewDisposeScope();
        var (device, factors) = (site.Weight.Value.device, options.BoftNButterflyFactor);
        (_width, _blocks) = (options.BoftBlockSize, site.InFeatures / options.BoftBlockSize);
        _blocksMKBB = new Weight("boft_R", zeros([factors, _blocks, _width, _width], ScalarType.Float32, device));
        _scaleO1 = new Weight("boft_s", ones([site.OutFeatures, 1], ScalarType.Float32, device));
        _orders = [.. Enumerable.Range(0, factors).Select(i => factors == 1
            ? ((Tensor, Tensor)?)null
            : Order(site.InFeatures, (int)(_blocks >> i), (int)_width / 2, device))];
    }

    public override IReadOnlyList<Weight> Weights => [_blocksMKBB, _scaleO1];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var rotated = Rotate(x.to(ScalarType.Float32).reshape(-1, Site.InFeatures), back: false).view(x.shape).to(x.dtype);
        var y = LinearProduct.Of(rotated, Site.Weight.Value) * _scaleO1.Value.view(-1);
        return (Site.Bias is { } bias ? y + bias.Value : y).to(x.dtype).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var weight = Site.Weight.Value.to(ScalarType.Float32);
        return ((_scaleO1.Value * Rotate(weight, back: true)) - weight).MoveToOuterDisposeScope();
    }

    protected override void Release()
    {
        foreach (var order in _orders)
        {
            order?.There.Dispose();
            order?.Back.Dispose();
        }
    }

    // Rows times R_M … R_1, or times its transpose.
    private Tensor Rotate(Tensor xNI, bool back)
    {
        var one = eye(_width, dtype: ScalarType.Float32, device: xNI.device);
        var skew = (_blocksMKBB.Value - _blocksMKBB.Value.transpose(2, 3)) / 2;
        var count = _orders.Count;
        for (var step = 0; step < count; step++)
        {
            var factor = back ? step : count - 1 - step;
            var q = skew[factor];
            var rotation = bmm(one - q, linalg.inv(one + q));
            if (back) rotation = rotation.transpose(1, 2);
            var order = _orders[factor];
            if (order is { } there) xNI = xNI.index_select(1, there.There);
            xNI = bmm(xNI.view(-1, _blocks, _width).transpose(0, 1), rotation).transpose(0, 1).reshape(-1, Site.InFeatures);
            if (order is { } again) xNI = xNI.index_select(1, again.Back);
        }

        return xNI;
    }

    // Within each of a number of stretches: the pieces of half a block at even places first, then those at odd places.
    private static (Tensor There, Tensor Back) Order(long width, int stretches, int piece, Device device)
    {
        var length = width / stretches;
        var pieces = length / piece;
        var sorted = Enumerable.Range(0, (int)pieces).OrderBy(p => p % 2).SelectMany(p => Enumerable.Range(p * piece, piece)).ToList();
        var order = Enumerable.Range(0, stretches).SelectMany(s => sorted.Select(p => (s * length) + p)).ToArray();
        var inverse = new long[order.Length];
        for (var place = 0; place < order.Length; place++) inverse[order[place]] = place;

        // Row i of the permutation matrix P has its 1 at order[i]: x P puts entry i at order[i].
        return (
            tensor(inverse, ScalarType.Int64, CPU).to(device).DetachFromDisposeScope(),
            tensor(order, ScalarType.Int64, CPU).to(device).DetachFromDisposeScope());
    }
}

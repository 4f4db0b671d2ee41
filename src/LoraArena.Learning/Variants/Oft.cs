using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// K blocks of width B, I = K · B features in, O features out, N any leading sizes.

/// <summary>
/// OFT: y = (x R) Wᵀ + b with R block diagonal and orthogonal, R the Cayley transform of trained skew matrices. Qiu et al. 2023, arXiv:2306.07280.
/// </summary>
public sealed class Oft : LoraVariant<OftOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "oft", "OFT", "Rotates blocks of each layer's input: angles between neurons stay as they are.", "arXiv:2306.07280", PeftType: "OFT",
        ParameterFormula: "I · (b − 1) / 2")
    {
        Group = VariantGroup.Other,
        Cost = "A block rotation of each input; a little slower.",
        SizeOption = "oft_block_size",
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, OftOptions options, VariantContext context) => new OftLayer(site, options);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, OftOptions options)
    {
        var width = options.BlockOf(site.InFeatures);
        return (options.BlockShare ? 1 : site.InFeatures / width) * (width * (width - 1) / 2);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(OftOptions options) => new()
    {
        ["r"] = 0,
        ["oft_block_size"] = options.OftBlockSize,
        ["module_dropout"] = 0.0,
        ["bias"] = "none",
        ["coft"] = false,
        ["block_share"] = options.BlockShare,
        ["use_cayley_neumann"] = options.UseCayleyNeumann,
        ["num_cayley_neumann_terms"] = 5,
        ["fan_in_fan_out"] = false,
        ["init_weights"] = true,
    };

    /// <inheritdoc/>
    public override OftOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("coft", "fan_in_fan_out");
        config.Require("bias", "none");
        config.Require("r", "0");
        config.Require("module_dropout", "0", "0.0");
        config.Require("num_cayley_neumann_terms", "5");
        return new OftOptions
        {
            OftBlockSize = config.Size("oft_block_size", 32),
            BlockShare = config.Flag("block_share"),
            UseCayleyNeumann = config.Flag("use_cayley_neumann", defaultValue: true),
        };
    }
}

/// <summary>Options of OFT, by PEFT's names.</summary>
public sealed record OftOptions : VariantOptions
{
    /// <summary>Width of a block that is rotated by itself. Where it does not divide a layer's width, the nearest number that does is taken.</summary>
    [Range(2, 4096)]
    public int OftBlockSize { get; init; } = 32;

    /// <summary>One rotation for all blocks of a layer.</summary>
    public bool BlockShare { get; init; }

    /// <summary>
    /// Approximates the rotation by five terms of a series, which is faster and holds for small rotations; else it is exact. The exact one
    /// turns the other way, so a trained adapter cannot change this.
    /// </summary>
    public bool UseCayleyNeumann { get; init; } = true;

    /// <summary>The divisor of a width that is nearest to the block size; of two, the smaller.</summary>
    public long BlockOf(long width)
    {
        // From oft_block_size outwards; of two as near the smaller.
        if (OftBlockSize >= width) return width;
        for (var distance = 0L; distance < width; distance++)
        {
            if (OftBlockSize - distance is var below and > 0 && below <= width && width % below == 0) return below;
            if (OftBlockSize + distance <= width && width % (OftBlockSize + distance) == 0) return OftBlockSize + distance;
        }

        return 1;
    }
}

/// <summary>One layer with OFT.</summary>
internal sealed class OftLayer : AdapterLayer
{
    private readonly OftOptions _options;
    private readonly long _width;
    private readonly long _blocks;
    private readonly Tensor _places;

    public OftLayer(Projection site, OftOptions options) : base(site)
    {
        using var scope = NewDisposeScope();
        _options = options;
        _width = options.BlockOf(site.InFeatures);
        _blocks = site.InFeatures / _width;
        if (_width < 2)
        {
            throw new OptionException($"oft: {site.Path} is {site.InFeatures} wide, which no block size of 2 or more divides; leave it out by exclude_modules.");
        }

        var device = site.Weight.Value.device;
        var count = _width * (_width - 1) / 2;
        Vectors = new Weight("oft_R.weight", zeros([options.BlockShare ? 1 : _blocks, count], ScalarType.Float32, device));
        _places = SkewMatrix.Places(_width).to(device).DetachFromDisposeScope();
    }

    /// <summary>The numbers above the diagonal of each skew matrix, row by row, [K, B (B − 1) / 2].</summary>
    public Weight Vectors { get; }

    public override IReadOnlyList<Weight> Weights => [Vectors];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var blocksKNB = x.to(ScalarType.Float32).reshape(-1, _blocks, _width).transpose(0, 1);
        var rotated = bmm(blocksKNB, RotationKBB()).transpose(0, 1).reshape(x.shape);
        return Site.Base(rotated.to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        // W' = W Rᵀ.
        using var scope = NewDisposeScope();
        var weight = Site.Weight.Value.to(ScalarType.Float32);
        var rotated = bmm(weight.view(-1, _blocks, _width).transpose(0, 1), RotationKBB().transpose(1, 2)).transpose(0, 1).reshape(weight.shape);
        return (rotated - weight).MoveToOuterDisposeScope();
    }

    protected override void Release() => _places.Dispose();

    private Tensor RotationKBB()
    {
        var v = Vectors.Value;
        var q = SkewMatrix.Of(v, _places);
        var one = eye(_width, dtype: ScalarType.Float32, device: v.device).unsqueeze(0);
        var rotation = _options.UseCayleyNeumann ? Series(one, q) : bmm(one - q, linalg.inv(one + q));
        return _options.BlockShare ? rotation.expand(_blocks, _width, _width) : rotation;
    }

    // I + 2Q + 2Q² + 2Q³ + Q⁴.
    private static Tensor Series(Tensor one, Tensor q)
    {
        var square = bmm(q, q);
        return one + (2 * q) + bmm(square, (2 * one) + (2 * q) + square);
    }
}

/// <summary>Skew matrices from the numbers above their diagonals, row by row, as PEFT stores them.</summary>
internal static class SkewMatrix
{
    /// <summary>For each entry of a matrix its place in [0, v, −v].</summary>
    public static Tensor Places(long width)
    {
        var (places, count) = (new long[width * width], width * (width - 1) / 2);
        long next = 1;
        for (long row = 0; row < width; row++)
        {
            for (var column = row + 1; column < width; column++, next++)
            {
                (places[(row * width) + column], places[(column * width) + row]) = (next, next + count);
            }
        }

        return tensor(places, ScalarType.Int64, CPU);
    }

    /// <summary>[K, B (B − 1) / 2] → [K, B, B].</summary>
    public static Tensor Of(Tensor vectors, Tensor places)
    {
        var width = (long)Math.Round(Math.Sqrt(places.shape[0]));
        return cat(
            [zeros([vectors.shape[0], 1], ScalarType.Float32, vectors.device), vectors, -vectors],
            1).gather(1, places.unsqueeze(0).expand(vectors.shape[0], places.shape[0])).view(-1, width, width);
    }
}

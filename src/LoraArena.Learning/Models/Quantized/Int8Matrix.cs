using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Quantized;

// O features out, I features in.

/// <summary>A matrix as whole numbers from −127 to 127 with a scale a row: a byte a number, and an error of at most half a step.</summary>
public sealed class Int8Matrix : BaseMatrix
{
    private readonly Tensor _codesOI;
    private readonly Tensor _scaleO1;

    private Int8Matrix(Tensor codesOI, Tensor scaleO1, ScalarType computeType)
        => (_codesOI, _scaleO1, ComputeType) = (codesOI.DetachFromDisposeScope(), scaleO1.DetachFromDisposeScope(), computeType);

    /// <inheritdoc/>
    public override long InFeatures => _codesOI.shape[1];

    /// <inheritdoc/>
    public override long OutFeatures => _codesOI.shape[0];

    /// <inheritdoc/>
    public override Device Device => _codesOI.device;

    /// <inheritdoc/>
    public override ScalarType ComputeType { get; }

    /// <inheritdoc/>
    public override long Bytes => _codesOI.numel() + (4 * _scaleO1.numel());

    /// <inheritdoc/>
    public override string Precision => Precisions.Int8;

    /// <summary>Quantises a matrix.</summary>
    /// <param name="w">W, [O, I], of any type.</param>
    /// <param name="computeType">The type that products are computed in.</param>
    public static Int8Matrix Quantize(Tensor w, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        var w32 = w.detach().to(ScalarType.Float32);
        var scale = w32.abs().amax([1], keepdim: true).div_(127);
        var codes = (w32 / scale.clamp_min(float.Epsilon)).round_().to(ScalarType.Int8);
        return new Int8Matrix(codes, scale, computeType);
    }

    /// <inheritdoc/>
    public override Tensor Dense(ScalarType type)
    {
        using var scope = NewDisposeScope();
        return _codesOI.to(type).mul_(_scaleO1.to(type)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        _codesOI.Dispose();
        _scaleO1.Dispose();
    }
}

using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Quantized;

// O features out, I features in.

/// <summary>
/// A matrix as 4-bit codes of normal quantiles with double-quantised scales, 4.127 bits a number, as bitsandbytes stores it (Dettmers et al. 2023,
/// arXiv:2305.14314): blocks of 64 share a scale, and blocks of 256 scales a second one. It is expanded where it is used and kept nowhere.
/// </summary>
public sealed class Nf4Matrix : BaseMatrix
{
    private readonly Nf4Codes _codes;
    private readonly long _out;
    private readonly long _in;
    private readonly Tensor? _tableOnDevice;

    private Nf4Matrix(Nf4Codes codes, long outFeatures, long inFeatures, Device device, ScalarType computeType)
    {
        (_codes, _out, _in, Device, ComputeType) = (codes, outFeatures, inFeatures, device, computeType);
        if (device.type == DeviceType.CPU) return;

        // One row for each byte: the values of its two codes.
        _tableOnDevice = tensor(Nf4.PairTable, [256, 2], device: CPU).to(device).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override long InFeatures => _in;

    /// <inheritdoc/>
    public override long OutFeatures => _out;

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <inheritdoc/>
    public override ScalarType ComputeType { get; }

    /// <inheritdoc/>
    public override long Bytes => _codes.Bytes;

    /// <inheritdoc/>
    public override string Precision => Precisions.Nf4;

    /// <summary>The codes, for tests and tools.</summary>
    public Nf4Codes Codes => _codes;

    /// <summary>Quantises a matrix.</summary>
    /// <param name="w">W, [O, I], of any type.</param>
    /// <param name="computeType">The type that products are computed in.</param>
    public static Nf4Matrix Quantize(Tensor w, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        return new Nf4Matrix(Nf4Codes.Of(w, w.device), w.shape[0], w.shape[1], w.device, computeType);
    }

    /// <inheritdoc/>
    public override Tensor Dense(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var scales = _codes.Scales();
        if (_tableOnDevice is null)
        {
            var w = empty([_out, _in], ScalarType.Float32, CPU);
            Nf4.Expand(_codes.Packed, scales, w);
            return w.to(type).MoveToOuterDisposeScope();
        }

        var count = _out * _in;
        var blocks = scales.shape[0];
        var pairs = _tableOnDevice.to(type).index_select(0, _codes.Packed.to(ScalarType.Int32));
        var values = pairs.view(-1);
        if (values.shape[0] < blocks * Nf4.BlockSize) values = nn.functional.pad(values, [0, (blocks * Nf4.BlockSize) - values.shape[0]]);
        return (values.view(blocks, Nf4.BlockSize) * scales.to(type).unsqueeze(1)).view(-1).narrow(0, 0, count).view(_out, _in).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Release()
    {
        _codes.Dispose();
        _tableOnDevice?.Dispose();
    }
}

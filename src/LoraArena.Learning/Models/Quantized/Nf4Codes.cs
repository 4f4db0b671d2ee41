using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Quantized;

/// <summary>
/// What a matrix in NF4 consists of: packed codes, and the scales of its blocks as 8-bit codes of a dynamic map, with a second scale for 256 of
/// them and an offset, as bitsandbytes' double quantisation makes them.
/// </summary>
public sealed class Nf4Codes : IDisposable
{
    /// <summary>Scales that share a second scale.</summary>
    public const int ScaleBlock = 256;

    private static readonly float[] Map = DynamicMap();
    private readonly Tensor _map;

    private Nf4Codes(Tensor packed, Tensor scaleCodes, Tensor secondScales, float offset, Device device)
    {
        Packed = packed.to(device).DetachFromDisposeScope();
        ScaleCodes = scaleCodes.to(device).DetachFromDisposeScope();
        SecondScales = secondScales.to(device).DetachFromDisposeScope();
        Offset = offset;
        _map = tensor(Map, device: CPU).to(device).DetachFromDisposeScope();
    }

    /// <summary>Two codes a byte, uint8 [⌈n/2⌉].</summary>
    public Tensor Packed { get; }

    /// <summary>Scales of the blocks as codes of <see cref="DynamicMap"/>, uint8 [blocks].</summary>
    public Tensor ScaleCodes { get; }

    /// <summary>A scale for 256 of them, fp32.</summary>
    public Tensor SecondScales { get; }

    /// <summary>Mean of the scales, which the codes leave out.</summary>
    public float Offset { get; }

    /// <summary>Memory that they take, in bytes.</summary>
    public long Bytes => Packed.numel() + ScaleCodes.numel() + (4 * SecondScales.numel());

    /// <summary>The 256 values of a signed dynamic code, ascending: seven decades, each with twice as many values as the one below it.</summary>
    public static float[] DynamicMap()
    {
        var values = new List<double> { 0, 1 };
        for (var decade = 0; decade < 7; decade++)
        {
            var count = 1 << decade;
            var step = 0.9 / count;
            for (var i = 0; i < count; i++)
            {
                var middle = (0.1 + ((i + 0.5) * step)) * Math.Pow(10, decade - 6);
                values.Add(middle);
                values.Add(-middle);
            }
        }

        return [.. values.Order().Select(v => (float)v)];
    }

    /// <summary>Quantises a tensor of any type, flattened by rows.</summary>
    /// <param name="w">The numbers.</param>
    /// <param name="device">Where the codes go.</param>
    public static Nf4Codes Of(Tensor w, Device device)
    {
        using var scope = NewDisposeScope();
        var count = w.numel();
        var blocks = (count + Nf4.BlockSize - 1) / Nf4.BlockSize;
        var packed = empty((count + 1) / 2, ScalarType.Byte, CPU);
        var scales = new float[blocks];
        const long Part = (long)Nf4.BlockSize << 18;
        using (var flat = w.detach().contiguous().view(-1))
        {
            for (long start = 0; start < count; start += Part)
            {
                using var inner = NewDisposeScope();
                var length = Math.Min(Part, count - start);
                var values = flat.narrow(0, start, length).to(ScalarType.Float32).cpu();
                var target = packed.narrow(0, start / 2, (length + 1) / 2);
                QuantizeOnAllProcessors(values, target, scales.AsMemory((int)(start / Nf4.BlockSize), (int)((length + Nf4.BlockSize - 1) / Nf4.BlockSize)));
            }
        }

        var (codes, second, offset) = QuantizeScales(scales);
        return new Nf4Codes(packed, tensor(codes, device: CPU), tensor(second, device: CPU), offset, device);
    }

    /// <summary>Scales of the blocks, fp32 [blocks]; belongs to the caller's dispose scope.</summary>
    public Tensor Scales()
    {
        using var scope = NewDisposeScope();
        var firsts = _map.index_select(0, ScaleCodes.to(ScalarType.Int32));
        var second = SecondScales.repeat_interleave(ScaleBlock).narrow(0, 0, firsts.shape[0]);
        return (firsts * second).add_(Offset).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Packed.Dispose();
        ScaleCodes.Dispose();
        SecondScales.Dispose();
        _map.Dispose();
    }

    private static void QuantizeOnAllProcessors(Tensor values, Tensor packed, Memory<float> scales)
    {
        const int BlocksATask = 1 << 12;
        var tasks = (scales.Length + BlocksATask - 1) / BlocksATask;
        Parallel.For(0, tasks, task =>
        {
            var first = task * BlocksATask;
            var part = scales.Slice(first, Math.Min(BlocksATask, scales.Length - first));
            var all = MemoryMarshal.Cast<byte, float>(values.bytes);
            var numbers = all[(first * Nf4.BlockSize)..Math.Min(all.Length, (first + part.Length) * Nf4.BlockSize)];
            Nf4.Quantize(numbers, packed.bytes.Slice(first * Nf4.BlockSize / 2, (numbers.Length + 1) / 2), part.Span);
        });
    }

    private static (byte[] Codes, float[] Second, float Offset) QuantizeScales(float[] scales)
    {
        var offset = (float)scales.Average(s => (double)s);
        var codes = new byte[scales.Length];
        var second = new float[(scales.Length + ScaleBlock - 1) / ScaleBlock];
        for (var block = 0; block < second.Length; block++)
        {
            var part = scales.AsSpan(block * ScaleBlock, Math.Min(ScaleBlock, scales.Length - (block * ScaleBlock)));
            var largest = 0f;
            foreach (var scale in part) largest = Math.Max(largest, Math.Abs(scale - offset));
            second[block] = largest;
            for (var i = 0; i < part.Length; i++) codes[(block * ScaleBlock) + i] = Nearest(largest == 0 ? 0 : (part[i] - offset) / largest);
        }

        return (codes, second, offset);
    }

    private static byte Nearest(float value)
    {
        var place = Array.BinarySearch(Map, value);
        if (place >= 0) return (byte)place;
        var above = Math.Min(~place, Map.Length - 1);
        var below = Math.Max(0, above - 1);
        return (byte)(value - Map[below] <= Map[above] - value ? below : above);
    }
}

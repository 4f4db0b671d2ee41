using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Quantized;

/// <summary>The arithmetic of NF4: the 16 values, rounding to the nearest, and back. Values are those of bitsandbytes.</summary>
public static class Nf4
{
    /// <summary>Numbers that share a scale.</summary>
    public const int BlockSize = 64;

    private static readonly Lazy<float[]> AllMidpoints = new(() => [.. Enumerable.Range(0, 15).Select(i => (float)(((double)Values![i] + Values[i + 1]) / 2))]);

    /// <summary>The quantiles, ascending: a code is the place of its value.</summary>
    public static IReadOnlyList<float> Values { get; } =
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
        0.7229568362236023f, 1.0f,
    ];

    /// <summary>For each byte, the values of its high and its low half: 256 pairs.</summary>
    internal static float[] PairTable { get; } = [.. Enumerable.Range(0, 256).SelectMany(b => new[] { Values[b >> 4], Values[b & 15] })];

    /// <summary>Codes and scales of a row of numbers.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="packed">Two codes a byte, the first in the high half; an odd last half is code 7, which is 0.</param>
    /// <param name="scales">Largest magnitude of each block.</param>
    public static void Quantize(ReadOnlySpan<float> values, Span<byte> packed, Span<float> scales)
    {
        Span<byte> codes = stackalloc byte[BlockSize];
        for (var block = 0; block < scales.Length; block++)
        {
            var part = values[(block * BlockSize)..Math.Min(values.Length, (block + 1) * BlockSize)];
            var scale = 0f;
            foreach (var value in part) scale = Math.Max(scale, Math.Abs(value));
            scales[block] = scale;
            codes.Fill(7);
            var factor = scale == 0 ? 0 : 1 / scale;
            for (var i = 0; i < part.Length; i++) codes[i] = Code(part[i] * factor);
            var bytes = packed.Slice(block * BlockSize / 2, (part.Length + 1) / 2);
            for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)((codes[2 * i] << 4) | codes[(2 * i) + 1]);
        }
    }

    /// <summary>Numbers of codes and scales.</summary>
    /// <param name="packed">Two codes a byte, uint8 [n/2].</param>
    /// <param name="scales">Scale of each block, fp32.</param>
    /// <param name="target">Where the numbers go, fp32 and contiguous.</param>
    internal static void Expand(Tensor packed, Tensor scales, Tensor target)
    {
        // Tensors give spans of less than 2³¹ bytes, so a large matrix is expanded by parts of whole blocks.
        const long PartBlocks = 1 << 20;
        using var flat = target.view(-1);
        var count = flat.shape[0];
        for (long block = 0; block < scales.shape[0]; block += PartBlocks)
        {
            var blocks = Math.Min(PartBlocks, scales.shape[0] - block);
            var (start, numbers) = (block * BlockSize, Math.Min(blocks * BlockSize, count - (block * BlockSize)));
            using var codes = packed.narrow(0, start / 2, (numbers + 1) / 2);
            using var sizes = scales.narrow(0, block, blocks);
            using var part = flat.narrow(0, start, numbers);
            Expand(codes.bytes, MemoryMarshal.Cast<byte, float>(sizes.bytes), MemoryMarshal.Cast<byte, float>(part.bytes));
        }
    }

    private static void Expand(ReadOnlySpan<byte> codes, ReadOnlySpan<float> scales, Span<float> target)
    {
        // A pair of values is eight bytes: one look-up and one store for two numbers.
        var table = MemoryMarshal.Cast<float, ulong>(PairTable);
        var pairs = MemoryMarshal.Cast<float, ulong>(target);
        for (var i = 0; i < pairs.Length; i++) pairs[i] = table[codes[i]];
        if (target.Length % 2 == 1) target[^1] = PairTable[2 * codes[^1]];
        for (var block = 0; block < scales.Length; block++)
        {
            var part = target[(block * BlockSize)..Math.Min(target.Length, (block + 1) * BlockSize)];
            Scale(part, scales[block]);
        }
    }

    private static void Scale(Span<float> values, float scale)
    {
        var i = 0;
        for (; i <= values.Length - Vector512<float>.Count; i += Vector512<float>.Count) (Vector512.Create<float>(values[i..]) * scale).CopyTo(values[i..]);
        for (; i < values.Length; i++) values[i] *= scale;
    }

    private static byte Code(float scaled)
    {
        var code = 0;
        foreach (var midpoint in AllMidpoints.Value) code += scaled > midpoint ? 1 : 0;
        return (byte)code;
    }
}

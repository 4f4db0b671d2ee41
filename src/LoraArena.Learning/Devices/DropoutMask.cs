using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

/// <summary>
/// Which elements a dropout keeps, as a function of a seed: a backward pass or a recomputation makes the same mask again instead of keeping it.
/// On the CPU a hash of seed and place decides (libtorch's generator takes longer than the layer it serves); on a GPU, libtorch's generator
/// after it was given the seed.
/// </summary>
public static class DropoutMask
{
    /// <summary>1 where an element is kept and 0 where it is dropped, with the probability <paramref name="p"/>, in the shape and type of a tensor.</summary>
    public static Tensor Like(Tensor x, double p, long seed) => Of(x.shape, x.dtype, x.device, p, seed);

    /// <summary>1 where an element is kept and 0 where it is dropped.</summary>
    public static Tensor Of(long[] shape, ScalarType type, Device device, double p, long seed)
    {
        using var scope = NewDisposeScope();
        if (device.type != DeviceType.CPU)
        {
            RandomStreams.Seed(device, seed, RandomStreams.Purpose.DroppedInput);
            return empty(shape, type, device).bernoulli_(1 - p).MoveToOuterDisposeScope();
        }

        var mask = empty(shape, ScalarType.Float32, CPU);
        Fill(mask, p, seed);
        return mask.to(type).MoveToOuterDisposeScope();
    }

    // Spans are short of 2³¹ bytes, so a large mask is filled by parts; each part has a seed of its own.
    private static void Fill(Tensor mask, double p, long seed)
    {
        const long Part = 1 << 26;
        var flat = mask.view(-1);
        for (long done = 0, part = 0; done < mask.numel(); done += Part, part++)
        {
            using var piece = flat.narrow(0, done, Math.Min(Part, mask.numel() - done));
            Fill(MemoryMarshal.Cast<byte, float>(piece.bytes), p, seed + (part * 7_919));
        }
    }

    /// <summary>Fills numbers with 0 (probability p) and 1.</summary>
    public static void Fill(Span<float> mask, double p, long seed)
    {
        // Kept where the hash, a whole number below 2³², is not below p · 2³².
        var threshold = (uint)Math.Clamp(p * 4_294_967_296.0, 0, uint.MaxValue);
        var (key1, key2) = ((uint)seed, (uint)(seed >> 32) * 0x9E3779B9u);
        var (ones, steps) = (Vector512.Create(1f), Vector512.Create((uint)Vector512<uint>.Count));
        var (first, second, least) = (Vector512.Create(key1), Vector512.Create(key2), Vector512.Create(threshold));
        var place = Vector512<uint>.Indices;
        var i = 0;
        for (; i <= mask.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var kept = Vector512.GreaterThanOrEqual(Hash(place, first, second), least);
            Vector512.BitwiseAnd(kept.AsSingle(), ones).CopyTo(mask[i..]);
            place += steps;
        }

        if (i == mask.Length) return;
        Span<float> rest = stackalloc float[Vector512<float>.Count];
        Vector512.BitwiseAnd(Vector512.GreaterThanOrEqual(Hash(place, first, second), least).AsSingle(), ones).CopyTo(rest);
        rest[..(mask.Length - i)].CopyTo(mask[i..]);
    }

    // Two rounds of MurmurHash3's finaliser (A. Appleby, public domain), with half of the key before each.
    private static Vector512<uint> Hash(Vector512<uint> place, Vector512<uint> key1, Vector512<uint> key2) => Mix(Mix(place ^ key1) + key2);

    private static Vector512<uint> Mix(Vector512<uint> h)
    {
        h ^= h >>> 16;
        h *= Vector512.Create(0x85EBCA6Bu);
        h ^= h >>> 13;
        h *= Vector512.Create(0xC2B2AE35u);
        return h ^ (h >>> 16);
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace LoraArena.Core.Statistics;

/// <summary>
/// Random numbers that are the same on every machine and in every version of .NET: xoshiro256** (Blackman and Vigna 2018),
/// seeded through SplitMix64 from any number of integers. A stream is named by what it is for, so it needs no saved state.
/// </summary>
public sealed class SeededRandom
{
    private ulong _s0, _s1, _s2, _s3;

    /// <summary>A stream named by numbers, such as (seed, epoch).</summary>
    public SeededRandom(params ReadOnlySpan<long> name)
    {
        var state = 0x9E3779B97F4A7C15UL;
        foreach (var part in name) state = Mix(state ^ Mix((ulong)part));
        (_s0, _s1, _s2, _s3) = (Next(ref state), Next(ref state), Next(ref state), Next(ref state));
    }

    /// <summary>64 random bits that depend on nothing but the name: for choices that are made by position.</summary>
    public static ulong Hash(params ReadOnlySpan<long> name)
    {
        var state = 0x9E3779B97F4A7C15UL;
        foreach (var part in name) state = Mix(state ^ Mix((ulong)part));
        return Next(ref state);
    }

    /// <summary>The next 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong NextBits()
    {
        var result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        var t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A whole number from 0 to <paramref name="limit"/> − 1, each equally likely (Lemire 2019, with rejection).</summary>
    public int Next(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        var threshold = (ulong)-limit % (ulong)limit;
        while (true)
        {
            var high = Math.BigMul(NextBits(), (ulong)limit, out var low);
            if (low >= threshold) return (int)high;
        }
    }

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Puts the items into a random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong Next(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15UL;
        return Mix(state);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}

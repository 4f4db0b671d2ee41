using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LoraArena.Learning.Devices.Host;

/// <summary>What the kernels do with rows of numbers besides multiplying them.</summary>
internal static unsafe class HostBlocks
{
    /// <summary>to = from · factor.</summary>
    public static void Scale(float* from, float* to, int count, float factor)
    {
        var i = 0;
        for (; i <= count - HostTile.Columns; i += HostTile.Columns) (Vector512.Load(from + i) * factor).Store(to + i);
        for (; i < count; i++) to[i] = from[i] * factor;
    }

    /// <summary>to += from.</summary>
    public static void Add(float* from, float* to, int count)
    {
        var i = 0;
        for (; i <= count - HostTile.Columns; i += HostTile.Columns) (Vector512.Load(from + i) + Vector512.Load(to + i)).Store(to + i);
        for (; i < count; i++) to[i] += from[i];
    }

    /// <summary>Σ x y.</summary>
    public static float Dot(float* x, float* y, int count)
    {
        var (i, sum, rest) = (0, Vector512<float>.Zero, 0f);
        for (; i <= count - HostTile.Columns; i += HostTile.Columns) sum = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), Vector512.Load(y + i), sum);
        for (; i < count; i++) rest += x[i] * y[i];
        return Vector512.Sum(sum) + rest;
    }

    /// <summary>to[p, i] = from[i, p] · factor: blocks of sixteen columns share the cache lines they write.</summary>
    /// <param name="from">Rows to read; element (i, p) lies at <c>i · fromRow + p · fromColumn</c>.</param>
    /// <param name="fromRow">Their distance.</param>
    /// <param name="fromColumn">Distance of their numbers.</param>
    /// <param name="rows">How many.</param>
    /// <param name="columns">Numbers of each.</param>
    /// <param name="to">What is written.</param>
    /// <param name="toRow">Distance of its rows.</param>
    /// <param name="factor">What each is multiplied by.</param>
    public static void Transpose(float* from, nint fromRow, nint fromColumn, int rows, int columns, float* to, nint toRow, float factor)
    {
        for (var begin = 0; begin < rows; begin += HostTile.Columns)
        {
            var end = Math.Min(rows, begin + HostTile.Columns);
            var column = 0;
            if (Sse.IsSupported && end - begin == HostTile.Columns && fromColumn == 1)
            {
                for (; column <= columns - HostTile.Columns; column += HostTile.Columns)
                {
                    Transpose16(from + (begin * fromRow) + column, fromRow, to + (column * toRow) + begin, toRow, factor);
                }
            }

            for (; column < columns; column++)
            {
                for (var row = begin; row < end; row++) to[(column * toRow) + row] = from[(row * fromRow) + (column * fromColumn)] * factor;
            }
        }
    }

    /// <summary>The largest of a vector's numbers.</summary>
    public static float Largest(Vector512<float> x)
    {
        var y = Vector256.MaxNative(x.GetLower(), x.GetUpper());
        var z = Vector128.MaxNative(y.GetLower(), y.GetUpper());
        return Math.Max(Math.Max(z[0], z[1]), Math.Max(z[2], z[3]));
    }

    // By squares of four.
    private static void Transpose16(float* from, nint fromRow, float* to, nint toRow, float factor)
    {
        for (var row = 0; row < HostTile.Columns; row += 4)
        {
            for (var column = 0; column < HostTile.Columns; column += 4)
            {
                var source = from + (row * fromRow) + column;
                var (a, b) = (Vector128.Load(source), Vector128.Load(source + fromRow));
                var (c, d) = (Vector128.Load(source + (2 * fromRow)), Vector128.Load(source + (3 * fromRow)));
                var (ab0, ab1) = (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
                var (cd0, cd1) = (Sse.UnpackLow(c, d), Sse.UnpackHigh(c, d));
                var target = to + (column * toRow) + row;
                (Sse.MoveLowToHigh(ab0, cd0) * factor).Store(target);
                (Sse.MoveHighToLow(cd0, ab0) * factor).Store(target + toRow);
                (Sse.MoveLowToHigh(ab1, cd1) * factor).Store(target + (2 * toRow));
                (Sse.MoveHighToLow(cd1, ab1) * factor).Store(target + (3 * toRow));
            }
        }
    }

    /// <summary>
    /// eˣ for x ≤ 0 to about two units in the last place, 0 below what fp32 holds, and NaN for NaN: x = n ln 2 + r, a polynomial for eʳ (coefficients of
    /// S. Moshier's Cephes, expf), times 2ⁿ, whose exponent is n.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        var vanishes = Vector512.LessThanOrEqual(x, Vector512.Create(-87f));
        var n = Vector512.Round(x * 1.44269504f);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var y = Vector512.FusedMultiplyAdd(Vector512.Create(1.9875691500e-4f), r, Vector512.Create(1.3981999507e-3f));
        y = Vector512.FusedMultiplyAdd(y, r, Vector512.Create(8.3334519073e-3f));
        y = Vector512.FusedMultiplyAdd(y, r, Vector512.Create(4.1665795894e-2f));
        y = Vector512.FusedMultiplyAdd(y, r, Vector512.Create(1.6666665459e-1f));
        y = Vector512.FusedMultiplyAdd(y, r, Vector512.Create(0.5f));
        y = Vector512.FusedMultiplyAdd(y, r * r, r) + Vector512<float>.One;
        var power = ((Vector512.ConvertToInt32Native(n) + Vector512.Create(127)) << 23).AsSingle();
        return Vector512.AndNot(y * power, vanishes);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LoraArena.Learning.Devices.Host;

/// <summary>Eight rows of <see cref="HostTile.Multiply"/> with AVX-512's 32 registers of sixteen numbers.</summary>
internal static unsafe class Tile512
{
    /// <summary>Rows of C that are computed by one loop.</summary>
    public const int Rows = 8;

    /// <summary>Columns that <see cref="Wide"/> computes.</summary>
    public const int WideColumns = 2 * Columns;

    private const int Columns = 16;

    /// <summary>Thirty-two columns of up to eight rows.</summary>
    // Sixteen sums stay in registers: two loads of B and eight of A serve sixteen multiplications. Where there are fewer than eight rows left, the
    // last is read in place of the others, which are not written. Not inlined: the
    // registers suffice for this loop alone. Compiled once for all: a first step is as fast as any other.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Wide(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int rows, int k, float* start, nint startRow)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        Vector512<float> c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
        var a1 = rows > 1 ? a + aRow : a;
        var a2 = rows > 2 ? a1 + aRow : a1;
        var a3 = rows > 3 ? a2 + aRow : a2;
        var a4 = rows > 4 ? a3 + aRow : a3;
        var a5 = rows > 5 ? a4 + aRow : a4;
        var a6 = rows > 6 ? a5 + aRow : a5;
        var a7 = rows > 7 ? a6 + aRow : a6;
        nint at = 0;
        for (var p = 0; p < k; p++, at += aColumn, b += bRow)
        {
            var (b0, b1) = (Vector512.Load(b), Vector512.Load(b + Columns));
            var x = Vector512.Create(a[at]);
            (c00, c01) = (Vector512.FusedMultiplyAdd(x, b0, c00), Vector512.FusedMultiplyAdd(x, b1, c01));
            x = Vector512.Create(a1[at]);
            (c10, c11) = (Vector512.FusedMultiplyAdd(x, b0, c10), Vector512.FusedMultiplyAdd(x, b1, c11));
            x = Vector512.Create(a2[at]);
            (c20, c21) = (Vector512.FusedMultiplyAdd(x, b0, c20), Vector512.FusedMultiplyAdd(x, b1, c21));
            x = Vector512.Create(a3[at]);
            (c30, c31) = (Vector512.FusedMultiplyAdd(x, b0, c30), Vector512.FusedMultiplyAdd(x, b1, c31));
            x = Vector512.Create(a4[at]);
            (c40, c41) = (Vector512.FusedMultiplyAdd(x, b0, c40), Vector512.FusedMultiplyAdd(x, b1, c41));
            x = Vector512.Create(a5[at]);
            (c50, c51) = (Vector512.FusedMultiplyAdd(x, b0, c50), Vector512.FusedMultiplyAdd(x, b1, c51));
            x = Vector512.Create(a6[at]);
            (c60, c61) = (Vector512.FusedMultiplyAdd(x, b0, c60), Vector512.FusedMultiplyAdd(x, b1, c61));
            x = Vector512.Create(a7[at]);
            (c70, c71) = (Vector512.FusedMultiplyAdd(x, b0, c70), Vector512.FusedMultiplyAdd(x, b1, c71));
        }

        Store(c, c00, c01, start);
        if (rows > 1) Store(c += cRow, c10, c11, start += startRow);
        if (rows > 2) Store(c += cRow, c20, c21, start += startRow);
        if (rows > 3) Store(c += cRow, c30, c31, start += startRow);
        if (rows > 4) Store(c += cRow, c40, c41, start += startRow);
        if (rows > 5) Store(c += cRow, c50, c51, start += startRow);
        if (rows > 6) Store(c += cRow, c60, c61, start += startRow);
        if (rows > 7) Store(c + cRow, c70, c71, start + startRow);
    }

    /// <summary>Sixteen columns of up to eight rows.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int rows, int k, float* start, nint startRow)
    {
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        var a1 = rows > 1 ? a + aRow : a;
        var a2 = rows > 2 ? a1 + aRow : a1;
        var a3 = rows > 3 ? a2 + aRow : a2;
        var a4 = rows > 4 ? a3 + aRow : a3;
        var a5 = rows > 5 ? a4 + aRow : a4;
        var a6 = rows > 6 ? a5 + aRow : a5;
        var a7 = rows > 7 ? a6 + aRow : a6;
        nint at = 0;
        for (var p = 0; p < k; p++, at += aColumn, b += bRow)
        {
            var x = Vector512.Load(b);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[at]), x, c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[at]), x, c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[at]), x, c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[at]), x, c3);
            c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[at]), x, c4);
            c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a5[at]), x, c5);
            c6 = Vector512.FusedMultiplyAdd(Vector512.Create(a6[at]), x, c6);
            c7 = Vector512.FusedMultiplyAdd(Vector512.Create(a7[at]), x, c7);
        }

        Store(c, c0, start);
        if (rows > 1) Store(c += cRow, c1, start += startRow);
        if (rows > 2) Store(c += cRow, c2, start += startRow);
        if (rows > 3) Store(c += cRow, c3, start += startRow);
        if (rows > 4) Store(c += cRow, c4, start += startRow);
        if (rows > 5) Store(c += cRow, c5, start += startRow);
        if (rows > 6) Store(c += cRow, c6, start += startRow);
        if (rows > 7) Store(c + cRow, c7, start + startRow);
    }

    private static void Store(float* c, Vector512<float> left, Vector512<float> right, float* start)
    {
        Store(c, left, start);
        Store(c + Columns, right, start is null ? null : start + Columns);
    }

    private static void Store(float* c, Vector512<float> sum, float* start) => (start is null ? sum : sum + Vector512.Load(start)).Store(c);
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LoraArena.Learning.Devices.Host;

/// <summary>Six rows of <see cref="HostTile.Multiply"/> with AVX2's 16 registers of eight numbers.</summary>
internal static unsafe class Tile256
{
    /// <summary>Rows of C that are computed by one loop.</summary>
    public const int Rows = 6;

    private const int Half = HostTile.Columns / 2;

    /// <summary>Sixteen columns of up to six rows.</summary>
    // Twelve sums stay in registers: two loads of B and six of A serve twelve multiplications.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int rows, int k, float* start, nint startRow)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        var a1 = rows > 1 ? a + aRow : a;
        var a2 = rows > 2 ? a1 + aRow : a1;
        var a3 = rows > 3 ? a2 + aRow : a2;
        var a4 = rows > 4 ? a3 + aRow : a3;
        var a5 = rows > 5 ? a4 + aRow : a4;
        nint at = 0;
        for (var p = 0; p < k; p++, at += aColumn, b += bRow)
        {
            var (b0, b1) = (Vector256.Load(b), Vector256.Load(b + Half));
            var x = Vector256.Create(a[at]);
            (c00, c01) = (Vector256.FusedMultiplyAdd(x, b0, c00), Vector256.FusedMultiplyAdd(x, b1, c01));
            x = Vector256.Create(a1[at]);
            (c10, c11) = (Vector256.FusedMultiplyAdd(x, b0, c10), Vector256.FusedMultiplyAdd(x, b1, c11));
            x = Vector256.Create(a2[at]);
            (c20, c21) = (Vector256.FusedMultiplyAdd(x, b0, c20), Vector256.FusedMultiplyAdd(x, b1, c21));
            x = Vector256.Create(a3[at]);
            (c30, c31) = (Vector256.FusedMultiplyAdd(x, b0, c30), Vector256.FusedMultiplyAdd(x, b1, c31));
            x = Vector256.Create(a4[at]);
            (c40, c41) = (Vector256.FusedMultiplyAdd(x, b0, c40), Vector256.FusedMultiplyAdd(x, b1, c41));
            x = Vector256.Create(a5[at]);
            (c50, c51) = (Vector256.FusedMultiplyAdd(x, b0, c50), Vector256.FusedMultiplyAdd(x, b1, c51));
        }

        Store(c, c00, c01, start);
        if (rows > 1) Store(c += cRow, c10, c11, start += startRow);
        if (rows > 2) Store(c += cRow, c20, c21, start += startRow);
        if (rows > 3) Store(c += cRow, c30, c31, start += startRow);
        if (rows > 4) Store(c += cRow, c40, c41, start += startRow);
        if (rows > 5) Store(c + cRow, c50, c51, start + startRow);
    }

    private static void Store(float* c, Vector256<float> left, Vector256<float> right, float* start)
    {
        (start is null ? left : left + Vector256.Load(start)).Store(c);
        (start is null ? right : right + Vector256.Load(start + Half)).Store(c + Half);
    }
}

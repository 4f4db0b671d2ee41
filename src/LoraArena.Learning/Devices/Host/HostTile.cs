using System.Runtime.Intrinsics.X86;

namespace LoraArena.Learning.Devices.Host;

/// <summary>C = S + A B for small row-major matrices that lie in the caches: what larger products and attention are made of.</summary>
internal static unsafe class HostTile
{
    /// <summary>Numbers of one vector. Columns of B and C are computed by that many at once: n is rounded up to it.</summary>
    public const int Columns = 16;

    /// <summary>Columns that are computed by one loop where there are enough.</summary>
    public const int WideColumns = 2 * Columns;

    /// <summary>Rows of C that are computed by one loop, at the most.</summary>
    public const int Rows = 8;

    /// <summary>True if AVX-512 multiplies, else AVX2 does: what this processor has, except in a test of the other. Both give the same bits.</summary>
    public static bool HasAvx512 { get; set; } = Avx512F.IsSupported;

    /// <summary>Multiplies.</summary>
    /// <param name="a">A, [m, k]: element (i, p) lies at <c>i · aRow + p · aColumn</c>, so a transposed matrix will do.</param>
    /// <param name="aRow">Distance of A's rows.</param>
    /// <param name="aColumn">Distance of A's columns.</param>
    /// <param name="b">B, [k, n].</param>
    /// <param name="bRow">Distance of B's rows.</param>
    /// <param name="c">C, [m, n].</param>
    /// <param name="cRow">Distance of C's rows.</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns, a multiple of <see cref="Columns"/>.</param>
    /// <param name="k">Terms of each sum.</param>
    /// <param name="start">S, [m, n]: C itself to add to it, one row for a bias; null for zeros.</param>
    /// <param name="startRow">Distance of its rows: 0 for a bias or zeros.</param>
    public static void Multiply(
        float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int m, int n, int k, float* start = null, nint startRow = 0)
    {
        if (HasAvx512) With512(a, aRow, aColumn, b, bRow, c, cRow, m, n, k, start, startRow);
        else With256(a, aRow, aColumn, b, bRow, c, cRow, m, n, k, start, startRow);
    }

    private static void With512(
        float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int m, int n, int k, float* start, nint startRow)
    {
        var column = 0;
        for (; column <= n - WideColumns; column += WideColumns)
        {
            for (var row = 0; row < m; row += Tile512.Rows)
            {
                var from = At(start, startRow, row, column);
                Tile512.Wide(a + (row * aRow), aRow, aColumn, b + column, bRow, c + (row * cRow) + column, cRow, m - row, k, from, startRow);
            }
        }

        for (var row = 0; row < m && column < n; row += Tile512.Rows)
        {
            var from = At(start, startRow, row, column);
            Tile512.Narrow(a + (row * aRow), aRow, aColumn, b + column, bRow, c + (row * cRow) + column, cRow, m - row, k, from, startRow);
        }
    }

    private static void With256(
        float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int m, int n, int k, float* start, nint startRow)
    {
        for (var column = 0; column < n; column += Columns)
        {
            for (var row = 0; row < m; row += Tile256.Rows)
            {
                var from = At(start, startRow, row, column);
                Tile256.Run(a + (row * aRow), aRow, aColumn, b + column, bRow, c + (row * cRow) + column, cRow, m - row, k, from, startRow);
            }
        }
    }

    private static float* At(float* start, nint startRow, int row, int column) => start is null ? null : start + (row * startRow) + column;
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices.Host;

// N rows, I features in, O features out.

/// <summary>
/// Sums of products of fp32 matrices on a processor with AVX-512: blocks of the matrices are copied so that the caches hold what a loop reads (Goto and van
/// de Geijn 2008, ACM TOMS 34(3)), and the inner loop keeps its sums in registers.
/// </summary>
public static unsafe class HostProduct
{
    // A strip of 32 columns and 384 rows of W takes 48 KiB, and a block of y 128 KiB: both stay in a core's caches while they are used.
    private const int DepthBlock = 384;
    private const int ColumnBlock = 128;
    private const int RowBlock = 256;

    // Fewer rows do not pay for a copy of the matrix that can be read as it lies.
    private const int RowsToCopy = 64;

    // Threads cost some microseconds.
    private const double SmallestToShare = 1e6;

    /// <summary>Σ sₜ xₜ Wₜᵀ + b, without gradients: [N, O].</summary>
    /// <param name="terms">x [N, I] and W [O, I] of each term, of any strides, fp32 on the CPU.</param>
    /// <param name="bias">b, [O]; null for nothing.</param>
    public static Tensor Of(IReadOnlyList<ProductTerm> terms, Tensor? bias)
    {
        var (rows, columns) = ((int)terms[0].X.shape[0], (int)terms[0].W.shape[0]);
        var y = empty([rows, columns], ScalarType.Float32, CPU);
        using var b = bias?.contiguous();
        var sum = new Sum([.. terms.Select(term => new Operands(term))], b is null ? null : TensorPointer.Of(b), TensorPointer.Of(y), columns);
        var threads = (double)rows * columns * terms.Sum(term => term.W.shape[1]) < SmallestToShare ? 1 : get_num_threads();
        var strips = (columns + HostTile.WideColumns - 1) / HostTile.WideColumns;

        // Each thread has columns of its own where there are enough, else rows.
        if (threads == 1) sum.Run(0, rows, 0, columns);
        else if (strips >= 2 * threads) Each(threads, strips, HostTile.WideColumns, columns, (first, end) => sum.Run(0, rows, first, end));
        else Each(threads, (rows + HostTile.Rows - 1) / HostTile.Rows, HostTile.Rows, rows, (first, end) => sum.Run(first, end, 0, columns));

        // The kernels know addresses alone.
        GC.KeepAlive(terms);
        return y;
    }

    private static void Each(int threads, int units, int unit, int all, Action<int, int> run)
        => Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread =>
        {
            var (first, end) = (Math.Min(all, units * thread / threads * unit), Math.Min(all, units * (thread + 1) / threads * unit));
            if (end > first) run(first, end);
        });

    /// <summary>Where the numbers of a term lie.</summary>
    private readonly struct Operands(ProductTerm term)
    {
        public float* X { get; } = TensorPointer.Of(term.X);

        public nint XRow { get; } = (nint)term.X.stride(0);

        public nint XColumn { get; } = (nint)term.X.stride(1);

        public float* W { get; } = TensorPointer.Of(term.W);

        public nint WRow { get; } = (nint)term.W.stride(0);

        public nint WColumn { get; } = (nint)term.W.stride(1);

        public int Depth { get; } = (int)term.W.shape[1];

        public float Scale { get; } = (float)term.Scale;
    }

    private sealed class Sum(Operands[] terms, float* bias, float* y, int yRow)
    {
        /// <summary>Computes some rows and columns.</summary>
        public void Run(int firstRow, int endRow, int firstColumn, int endColumn)
        {
            if (endRow - firstRow < RowsToCopy && terms.All(term => term.WRow == 1 && term.Scale == 1) && (endColumn - firstColumn) % HostTile.Columns == 0)
            {
                Add(firstRow, endRow - firstRow, firstColumn, endColumn - firstColumn, null);
                return;
            }

            var copy = HostScratch.Take(terms.Sum(term => (long)term.Depth) * ColumnBlock);
            for (var column = firstColumn; column < endColumn; column += ColumnBlock)
            {
                var columns = Math.Min(ColumnBlock, endColumn - column);
                Copy(column, columns, copy);
                for (var row = firstRow; row < endRow; row += RowBlock) Add(row, Math.Min(RowBlock, endRow - row), column, columns, copy);
            }
        }

        // One block of y, of all terms: without a copy of the matrices where they are read as they lie.
        private void Add(int row, int rows, int column, int columns, float* copy)
        {
            var to = y + ((nint)row * yRow) + column;
            float* start = bias is null ? null : bias + column;
            nint startRow = 0;
            foreach (var term in terms)
            {
                for (var depth = 0; depth < term.Depth; depth += DepthBlock, start = to, startRow = yRow)
                {
                    var count = Math.Min(DepthBlock, term.Depth - depth);
                    var x = term.X + (row * term.XRow) + (depth * term.XColumn);
                    if (copy is null)
                    {
                        var w = term.W + column + (depth * term.WColumn);
                        HostTile.Multiply(x, term.XRow, term.XColumn, w, term.WColumn, to, yRow, rows, columns, count, start, startRow);
                        continue;
                    }

                    for (var strip = 0; strip < columns; strip += HostTile.WideColumns)
                    {
                        var width = Math.Min(HostTile.WideColumns, columns - strip);
                        var from = start is null ? null : start + strip;
                        if (width % HostTile.Columns != 0) Edge(x, term, copy, to + strip, rows, width, count, from, startRow);
                        else HostTile.Multiply(x, term.XRow, term.XColumn, copy, width, to + strip, yRow, rows, width, count, from, startRow);
                        copy += count * Width(width);
                    }
                }
            }
        }

        // Strips of the columns of all terms, in the order in which they are read.
        private void Copy(int column, int columns, float* copy)
        {
            foreach (var term in terms)
            {
                for (var depth = 0; depth < term.Depth; depth += DepthBlock)
                {
                    var count = Math.Min(DepthBlock, term.Depth - depth);
                    for (var strip = 0; strip < columns; strip += HostTile.WideColumns)
                    {
                        var width = Math.Min(HostTile.WideColumns, columns - strip);
                        CopyStrip(term.W + ((column + strip) * term.WRow) + (depth * term.WColumn), term, width, count, copy);
                        copy += count * Width(width);
                    }
                }
            }
        }

        private static int Width(int columns) => columns <= HostTile.Columns ? HostTile.Columns : HostTile.WideColumns;

        // A strip: what a row of it holds lies side by side, filled up with zeros.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void CopyStrip(float* w, Operands term, int columns, int count, float* to)
        {
            var width = Width(columns);
            for (var p = 0; p < count && columns < width; p++) new Span<float>(to + (p * width) + columns, width - columns).Clear();
            if (term.WRow == 1)
            {
                for (var p = 0; p < count; p++) HostBlocks.Scale(w + (p * term.WColumn), to + (p * width), columns, term.Scale);
                return;
            }

            HostBlocks.Transpose(w, term.WRow, term.WColumn, columns, count, to, width, term.Scale);
        }

        // The last columns are fewer than a vector has.
        private void Edge(float* x, Operands term, float* from, float* to, int rows, int width, int count, float* start, nint startRow)
        {
            var padded = Width(width);
            var tile = stackalloc float[HostTile.Rows * HostTile.WideColumns];
            for (var row = 0; row < rows; row += HostTile.Rows)
            {
                var some = Math.Min(HostTile.Rows, rows - row);
                HostTile.Multiply(x + (row * term.XRow), term.XRow, term.XColumn, from, padded, tile, padded, some, padded, count);
                for (var i = 0; i < some; i++)
                {
                    float* source = tile + (i * padded), target = to + ((nint)(row + i) * yRow);
                    for (var j = 0; j < width; j++) target[j] = source[j] + (start is null ? 0 : start[((row + i) * startRow) + j]);
                }
            }
        }
    }
}

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

// N rows, I features in, O features out.

/// <summary>
/// x Wᵀ + b without gradients, by the library that is fastest on this processor. libtorch multiplies fp32 with MKL, which uses half the width of
/// an AMD processor's AVX-512 units; oneDNN, which is in libtorch too, uses all of it. oneDNN compiles a kernel for each number of rows, so
/// rows are cut into pieces of a few fixed sizes.
/// </summary>
public static class MatrixProduct
{
    private const int LargestPiece = 2048;
    private const int SmallestPiece = 64;
    private const int NarrowestMatrix = 16;

    private static readonly ConcurrentDictionary<Kernel, bool> Right = new();

    /// <summary>The library that multiplies fp32 on the CPU.</summary>
    public static ProductLibrary Library { get; set; } = Choose();

    /// <summary>[N, I] × [O, I] → [N, O]. A matrix of any strides will do.</summary>
    /// <param name="x">Rows.</param>
    /// <param name="w">The matrix.</param>
    /// <param name="bias">What is added to each row, [O]; null for nothing.</param>
    /// <param name="library">Who multiplies; null for <see cref="Library"/>.</param>
    public static Tensor Of(Tensor x, Tensor w, Tensor? bias = null, ProductLibrary? library = null)
    {
        if ((library ?? Library) != ProductLibrary.OneDnn || !Fits(x, w)) return nn.functional.linear(x, w, bias);
        using var scope = NewDisposeScope();
        var rows = x.shape[0];
        var whole = x.contiguous();
        var parts = new List<Tensor>();
        for (long done = 0; done < rows;)
        {
            var size = PieceOf(rows - done);
            var part = size == rows ? whole : whole.narrow(0, done, size);
            parts.Add(size >= SmallestPiece && IsRight(size, w, bias) ? TorchOps.OneDnnProduct(part, w, bias) : nn.functional.linear(part, w, bias));
            done += size;
        }

        return (parts.Count == 1 ? parts[0] : cat(parts, 0)).MoveToOuterDisposeScope();
    }

    // oneDNN's kernels of this libtorch give wrong numbers for some sizes (64 → 33 is one): each is compared once, before it is used, on numbers
    // without a pattern. A sine is as good as chance here, and draws from no generator.
    private static bool IsRight(long rows, Tensor w, Tensor? bias)
        => Right.GetOrAdd(new Kernel(rows, w.shape[1], w.shape[0], bias is not null, w.stride(0) < w.stride(1)), static kernel =>
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var (x, flat) = (Waves(kernel.Rows, kernel.In, 0.7), Waves(kernel.Out, kernel.In, 1.3));
            var w = kernel.Transposed ? flat.t().contiguous().t() : flat;
            var b = kernel.Bias ? Waves(1, kernel.Out, 2.1).view(-1) : null;
            var expected = nn.functional.linear(x, w, b);
            var error = (TorchOps.OneDnnProduct(x, w, b) - expected).abs().max().ToDouble();
            return error <= 1e-4 * expected.abs().max().ToDouble();
        });

    private static Tensor Waves(long rows, long columns, double pace)
        => arange(
            rows * columns, dtype: ScalarType.Float64,
            device: CPU).mul_(pace).add_(0.3).square().remainder(6.283).sin_().to(ScalarType.Float32).view(rows, columns);

    // Halving sizes: a handful of kernels whatever the batches are.
    private static long PieceOf(long rows)
    {
        for (long size = LargestPiece; size >= SmallestPiece; size /= 2)
        {
            if (rows >= size) return size;
        }

        return rows;
    }

    private static bool Fits(Tensor x, Tensor w) => x.shape[0] >= SmallestPiece && x.dtype == ScalarType.Float32 && w.dtype == ScalarType.Float32
        && x.device_type == DeviceType.CPU && w.shape[0] >= NarrowestMatrix && w.shape[1] >= NarrowestMatrix;

    private sealed record Kernel(long Rows, long In, long Out, bool Bias, bool Transposed);

    private static ProductLibrary Choose()
    {
        if (!Avx512F.IsSupported || RuntimeInformation.ProcessArchitecture != Architecture.X64) return ProductLibrary.Mkl;
        var (_, b, c, d) = X86Base.CpuId(0, 0);

        // "AuthenticAMD", as the processor spells it.
        return (b, d, c) == (0x68747541, 0x69746E65, 0x444D4163) ? ProductLibrary.OneDnn : ProductLibrary.Mkl;
    }
}

/// <summary>Who multiplies matrices on the CPU.</summary>
public enum ProductLibrary
{
    /// <summary>Whatever libtorch's own linear layer takes.</summary>
    Mkl,

    /// <summary>oneDNN.</summary>
    OneDnn,
}

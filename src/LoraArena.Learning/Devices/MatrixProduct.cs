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
            parts.Add(size >= SmallestPiece ? TorchOps.OneDnnProduct(part, w, bias) : nn.functional.linear(part, w, bias));
            done += size;
        }

        return (parts.Count == 1 ? parts[0] : cat(parts, 0)).MoveToOuterDisposeScope();
    }

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

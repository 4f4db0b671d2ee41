using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LoraArena.Learning.Devices.Host;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

// N rows, I features in, O features out.

/// <summary>
/// Sums of products x Wᵀ without gradients, by what is fastest on this processor. libtorch multiplies fp32 on the CPU with MKL, which does not use
/// all of an AMD processor's AVX-512 units, and takes its time over the narrow matrices of adapters; there, kernels of our own do it.
/// </summary>
public static class MatrixProduct
{
    /// <summary>Who multiplies fp32 on the CPU.</summary>
    public static ProductLibrary Library { get; set; } = Choose();

    /// <summary>x Wᵀ + b: [N, I] × [O, I] → [N, O].</summary>
    /// <param name="x">Rows, of any strides.</param>
    /// <param name="w">The matrix, of any strides.</param>
    /// <param name="bias">What is added to each row, [O]; null for nothing.</param>
    public static Tensor Of(Tensor x, Tensor w, Tensor? bias = null) => Sum([new ProductTerm(x, w)], bias);

    /// <summary>Σ sₜ xₜ Wₜᵀ + b: [N, O].</summary>
    /// <param name="terms">The terms, of one type and device.</param>
    /// <param name="bias">What is added to each row, [O]; null for nothing.</param>
    /// <param name="library">Who multiplies; null for <see cref="Library"/>.</param>
    public static Tensor Sum(IReadOnlyList<ProductTerm> terms, Tensor? bias = null, ProductLibrary? library = null)
    {
        if ((library ?? Library) == ProductLibrary.Own && terms.All(Fits) && bias?.dtype is null or ScalarType.Float32) return HostProduct.Of(terms, bias);
        var scaled = terms[0].Scale != 1;
        var sum = nn.functional.linear(terms[0].X, terms[0].W, scaled ? null : bias);
        if (scaled) sum.mul_(terms[0].Scale);
        if (scaled && bias is not null) sum.add_(bias);
        foreach (var term in terms.Skip(1)) sum.addmm_(term.X, term.W.t(), 1, (float)term.Scale);
        return sum;
    }

    /// <summary>True if our own kernels would multiply these, by <see cref="Library"/>.</summary>
    public static bool IsOwn(Tensor x, Tensor w) => Library == ProductLibrary.Own && Fits(new ProductTerm(x, w));

    private static bool Fits(ProductTerm term) => term.X.dtype == ScalarType.Float32 && term.W.dtype == ScalarType.Float32
        && term.X.device_type == DeviceType.CPU && term.W.device_type == DeviceType.CPU && term.X.numel() > 0 && term.W.numel() > 0;

    private static ProductLibrary Choose()
    {
        if (!Vector512.IsHardwareAccelerated || RuntimeInformation.ProcessArchitecture != Architecture.X64) return ProductLibrary.Mkl;
        var (_, b, c, d) = X86Base.CpuId(0, 0);

        // "AuthenticAMD", as the processor spells it.
        return (b, d, c) == (0x68747541, 0x69746E65, 0x444D4163) ? ProductLibrary.Own : ProductLibrary.Mkl;
    }
}

/// <summary>A term of a sum of products: s · x Wᵀ.</summary>
/// <param name="X">x, [N, I].</param>
/// <param name="W">W, [O, I].</param>
/// <param name="Scale">s.</param>
public readonly record struct ProductTerm(Tensor X, Tensor W, double Scale = 1);

/// <summary>Who multiplies matrices on the CPU.</summary>
public enum ProductLibrary
{
    /// <summary>Whatever libtorch's own linear layer takes.</summary>
    Mkl,

    /// <summary>Kernels of our own.</summary>
    Own,
}

using System.Globalization;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Devices.Host;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Benchmarks;

/// <summary>
/// The parts of a block, one by one: milliseconds of processor time forward and backward, and what share of the machine's peak the products
/// reach.
/// </summary>
internal static class PartsBenchmark
{
    private const int PeakSize = 2048;
    private const int Repeats = 12;

    /// <summary>Measures the parts of a decoder block.</summary>
    public static void Run(int tokens, int width, int heads, int groups, int inner)
    {
        var peak = Peak();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"largest square product ({PeakSize}): MKL {Rate(ProductLibrary.Mkl):0} GFLOP/s, our own kernels {Rate(ProductLibrary.Own):0}; taken: {MatrixProduct.Library}"));
        foreach (var (i, o) in new[] { (width, width), (width, inner), (inner, width), (width, width / 3) }) Product(tokens, i, o, peak);
        foreach (var (i, o) in new[] { (width, width), (width, inner), (inner, width) }) Lora(tokens, i, o, 1, peak);
        Lora(tokens, width, width, 3, peak);
        var size = width / heads;
        var scale = 1 / Math.Sqrt(size);
        Tensor Shared(Tensor x) => x.narrow(1, 0, groups);
        Time("attention, libtorch's", [1, heads, tokens, size], x => TorchOps.Attention(x, Shared(x), Shared(x), null, causal: true, 0, scale));
        if (HostAttention.IsSupported)
        {
            Time("attention, our own", [1, heads, tokens, size], x => HostAttention.Of(x, Shared(x), Shared(x), null, causal: true, null, scale));
        }

        var w = ones(width);
        Time("rms norm", [1, tokens, width], x => TorchOps.RmsNormComposed(x, w, 1e-6));
        Time("rms norm, operator", [1, tokens, width], x => TorchOps.RmsNormFused(x, w, 1e-6));
        Time("silu · up", [1, tokens, inner], x => nn.functional.silu(x) * x);
        Time("gelu", [1, tokens, inner], nn.functional.gelu);
        Time("layer norm", [1, tokens, width], x => nn.functional.layer_norm(x, [width], w, w));
        Time("sum", [1, tokens, width], x => x + x);
    }

    /// <summary>The machine's peak: the largest square product by the faster library, in FLOP/s of processor time.</summary>
    public static double Peak() => 1e9 * Math.Max(Rate(ProductLibrary.Mkl), Rate(ProductLibrary.Own));

    private static double Rate(ProductLibrary library)
    {
        using var scope = NewDisposeScope();
        var (x, w) = (randn(PeakSize, PeakSize), randn(PeakSize, PeakSize));
        return 2.0 * PeakSize * PeakSize * PeakSize / Best(() => MatrixProduct.Sum([new(x, w)], null, library).Dispose(), 4) / 1e9;
    }

    private static void Product(long n, long i, long o, double peak)
    {
        using var scope = NewDisposeScope();
        var (x, w, g) = (randn(n, i), randn(o, i), randn(n, o));
        var flop = 2.0 * n * i * o;
        foreach (var library in Enum.GetValues<ProductLibrary>())
        {
            var forward = Best(() => MatrixProduct.Sum([new(x, w)], null, library).Dispose());
            var backward = Best(() => MatrixProduct.Sum([new(g, w.t())], null, library).Dispose());
            Print(
                $"product {n} × {i} → {o}, {library}", forward, backward,
                string.Create(CultureInfo.InvariantCulture, $"{100 * flop / forward / peak:0} % and {100 * flop / backward / peak:0} % of the peak"));
        }
    }

    private static void Lora(long n, long i, long o, int sites, double peak)
    {
        using var scope = NewDisposeScope();
        var x = randn([1, n, i]).requires_grad_();
        var all = Enumerable.Range(0, sites)
            .Select(k => new LowRankSite(new DenseMatrix(new Weight("w", randn(o, i))), null, randn(16, i).requires_grad_(), randn(o, 16).requires_grad_(), 2))
            .ToList();
        var g = randn([1, n, o]);
        var forward = Best(() =>
        {
            using var inner = NewDisposeScope();
            LowRankProduct.Of(x, all, 0, 0);
        });
        var both = Best(() =>
        {
            using var inner = NewDisposeScope();
            autograd.backward([.. LowRankProduct.Of(x, all, 0, 0)], [.. Enumerable.Repeat(g, sites)]);
        });
        Print(
            $"LoRA {n} × {i} → {sites} × {o}", forward, both - forward,
            string.Create(CultureInfo.InvariantCulture, $"{100 * 4.0 * n * i * o * sites / both / peak:0} % of the peak, the base's products counted"));
    }

    private static void Time(string name, long[] shape, Func<Tensor, Tensor> part)
    {
        using var scope = NewDisposeScope();
        var x = randn(shape).requires_grad_();
        var forward = Best(() =>
        {
            using var inner = NewDisposeScope();
            part(x);
        });
        var g = part(x).detach();
        var both = Best(() =>
        {
            using var inner = NewDisposeScope();
            part(x).backward([g]);
        });
        Print(name, forward, both - forward, "");
    }

    private static void Print(string name, double forward, double backward, string more)
        => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"  {name,-32} {1e3 * forward,8:0.000} ms forward {1e3 * backward,8:0.000} ms backward  {more}"));

    private static double Best(Action action, int repeats = Repeats)
    {
        action();
        return Enumerable.Range(0, repeats).Min(_ => Measure.Time(action).CpuSeconds);
    }
}

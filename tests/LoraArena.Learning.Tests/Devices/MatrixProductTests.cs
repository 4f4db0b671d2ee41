using System.Runtime.Intrinsics.X86;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Devices.Host;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>Sums of products by our own kernels, as they are used or not on this processor, against fp64.</summary>
public sealed class MatrixProductTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 16, 16 }, { 7, 1, 5 }, { 63, 24, 32 }, { 64, 16, 48 }, { 100, 48, 16 }, { 257, 32, 24 }, { 2300, 64, 33 }, { 300, 1000, 200 }, { 16, 500, 160 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void AProduct_IsThatOfFp64(int rows, int inFeatures, int outFeatures)
    {
        using var scope = NewDisposeScope();
        manual_seed(rows);
        var (x, w, b, g) = (randn(rows, inFeatures), randn(outFeatures, inFeatures), randn(outFeatures), randn(rows, outFeatures));
        Assert.InRange(Torch.RelativeError(HostProduct.Of([new(x, w)], b), nn.functional.linear(Wide(x), Wide(w), Wide(b))), 0, 1e-6);
        Assert.InRange(Torch.RelativeError(HostProduct.Of([new(g, w.t())], null), mm(Wide(g), Wide(w))), 0, 1e-6);
        Assert.InRange(Torch.RelativeError(HostProduct.Of([new(g.t(), x.t())], null), mm(Wide(g).t(), Wide(x))), 0, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void ASum_IsThatOfFp64_WhoeverMultiplies(int rows, int inFeatures, int outFeatures)
    {
        using var scope = NewDisposeScope();
        manual_seed(rows);
        var (x, w, h, a, b) = (randn(rows, inFeatures), randn(outFeatures, inFeatures), randn(rows, 6).narrow(1, 1, 4), randn(4, outFeatures), randn(outFeatures));
        var expected = mm(Wide(x), Wide(w).t()).mul(0.5) + (mm(Wide(h), Wide(a)) * -3) + Wide(b);
        foreach (var library in Enum.GetValues<ProductLibrary>())
        {
            var sum = MatrixProduct.Sum([new(x, w, 0.5), new(h, a.t(), -3)], b, library);
            Assert.InRange(Torch.RelativeError(sum, expected), 0, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WithAvx2AndWithAvx512_EveryBitIsTheSame(int rows, int inFeatures, int outFeatures)
    {
        Assert.SkipUnless(Avx512F.IsSupported, "This processor has no AVX-512: the other tests are of AVX2.");
        using var scope = NewDisposeScope();
        manual_seed(rows);
        var (x, w, b) = (randn(rows, inFeatures), randn(outFeatures, inFeatures), randn(outFeatures));
        var wide = HostProduct.Of([new(x, w)], b);
        HostTile.HasAvx512 = false;
        try
        {
            Assert.True(wide.eq(HostProduct.Of([new(x, w)], b)).all().ToBoolean());
        }
        finally
        {
            HostTile.HasAvx512 = true;
        }
    }

    [Fact]
    public void TheNumberOfThreads_ChangesNoBit()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var threads = get_num_threads();
        try
        {
            foreach (var outFeatures in new[] { 40, 700 })
            {
                var (x, w) = (randn(301, 450), randn(outFeatures, 450));
                set_num_threads(1);
                var alone = HostProduct.Of([new(x, w)], null);
                set_num_threads(3);
                Assert.True(alone.eq(HostProduct.Of([new(x, w)], null)).all().ToBoolean());
            }
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private static Tensor Wide(Tensor x) => x.to(ScalarType.Float64);
}

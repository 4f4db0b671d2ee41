using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>Products of matrices by either library, against a product in fp64.</summary>
public sealed class MatrixProductTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 16, 16 }, { 63, 24, 32 }, { 64, 16, 48 }, { 100, 48, 16 }, { 257, 32, 24 }, { 2300, 64, 33 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void OneDnn_GivesWhatTheLinearLayerGives(int rows, int inFeatures, int outFeatures)
    {
        using var scope = NewDisposeScope();
        manual_seed(rows);
        var (x, w, b) = (randn(rows, inFeatures), randn(outFeatures, inFeatures), randn(outFeatures));
        foreach (var library in new[] { ProductLibrary.OneDnn, ProductLibrary.Mkl })
        {
            Assert.InRange(Torch.RelativeError(
                MatrixProduct.Of(x, w, b, library),
                nn.functional.linear(x.to(ScalarType.Float64), w.to(ScalarType.Float64), b.to(ScalarType.Float64))), 0, 1e-6);
            var g = randn(rows, outFeatures);
            Assert.InRange(Torch.RelativeError(MatrixProduct.Of(g, w.t(), null, library), mm(g.to(ScalarType.Float64), w.to(ScalarType.Float64))), 0, 1e-6);
        }
    }

    [Fact]
    public void RowsThatAreNotContiguous_AreTakenAsTheyAre()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var (whole, w) = (randn(48, 150), randn(20, 48));
        Assert.InRange(Torch.RelativeError(MatrixProduct.Of(whole.t(), w, null, ProductLibrary.OneDnn), mm(whole.t(), w.t())), 0, 1e-6);
    }
}

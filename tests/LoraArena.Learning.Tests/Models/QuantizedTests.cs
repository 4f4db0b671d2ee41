using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Quantized;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>Base matrices of fewer bits.</summary>
public sealed class QuantizedTests
{
    [Fact]
    public void Nf4_StaysWithinHalfTheWidestGap_AndKeepsZero()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var w = randn(96, 208);
        w[0, 0] = 0;
        using var matrix = Nf4Matrix.Quantize(w, ScalarType.Float32);
        var dense = matrix.Dense(ScalarType.Float32);
        var largest = w.view(-1, Nf4.BlockSize).abs().amax([1], keepdim: true);

        // 0.1519 is half the widest gap between neighbouring values; the scales' own rounding adds a little.
        Assert.InRange(((dense - w).view(-1, Nf4.BlockSize).abs() / largest).max().ToDouble(), 0.1, 0.1519 + 0.01);
        Assert.InRange(((dense - w).norm() / w.norm()).ToDouble(), 0.088, 0.096);
        Assert.Equal(0, dense[0, 0].ToDouble());
        Assert.InRange(8.0 * matrix.Bytes / w.numel(), 4.12, 4.15);
    }

    [Fact]
    public void Nf4_IsThatOfBitsandbytes()
    {
        // bitsandbytes 0.50.2: see Fixtures/make_nf4.py.
        using var scope = NewDisposeScope();
        using var expected = SafetensorsFile.Open(Torch.Fixture("nf4", "expected.safetensors"));
        using var matrix = Nf4Matrix.Quantize(expected.Read("w"), ScalarType.Float32);
        Assert.Equal(expected.Read("codes").data<byte>().ToArray(), matrix.Codes.Packed.data<byte>().ToArray());
        Assert.Equal(expected.Read("scale_codes").data<byte>().ToArray(), matrix.Codes.ScaleCodes.data<byte>().ToArray());
        Assert.InRange(Torch.RelativeError(matrix.Dense(ScalarType.Float32), expected.Read("dense")), 0, 1e-6);
        Assert.InRange(Torch.RelativeError(tensor(Nf4Codes.DynamicMap()), expected.Read("map")), 0, 1e-6);
    }

    [Fact]
    public void TheDynamicMap_HasTheValuesOfThePublishedRecipe()
    {
        var map = Nf4Codes.DynamicMap();
        Assert.Equal(256, map.Distinct().Count());
        Assert.Equal([-0.99297f, 1f], [MathF.Round(map[0], 5), map[^1]]);
        Assert.Contains(0f, map);
    }

    [Fact]
    public void Int8_StaysWithinHalfAStepOfEachRow()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var w = randn(40, 30) * randn(40, 1);
        using var matrix = Int8Matrix.Quantize(w, ScalarType.Float32);
        var step = w.abs().amax([1], keepdim: true) / 127;
        Assert.InRange(((matrix.Dense(ScalarType.Float32) - w).abs() / step).max().ToDouble(), 0.1, 0.5001);
    }

    [Theory]
    [InlineData(Precisions.Nf4)]
    [InlineData(Precisions.Int8)]
    public void AQuantizedLayer_IsTheLayerOfItsExpandedMatrix_InValueAndGradient(string precision)
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var (w, b) = (randn(64, 96), randn(64));
        using var matrix = new BasePrecision(precision, ScalarType.Float32).Matrix(new Weight("w", w.clone()));
        var (x, y) = (randn(3, 5, 96).requires_grad_(), randn(3, 5, 96));
        y = x.detach().clone().requires_grad_();
        var (quantised, dense) = (matrix.Forward(x, b), nn.functional.linear(y, matrix.Dense(ScalarType.Float32), b));
        quantised.square().sum().backward();
        dense.square().sum().backward();
        Assert.InRange(Torch.RelativeError(quantised, dense), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(x.grad!, y.grad!), 0, 1e-5);
        Assert.Equal(precision, matrix.Precision);
    }

    [Fact]
    public void AMethodThatNeedsTheBasesNumbers_RefusesCodes_AndLoraTrainsOnThem()
    {
        using var scope = NewDisposeScope();
        using var model = PreferenceModel.Load(Folder, CPU, 0, precision: new BasePrecision(Precisions.Nf4, ScalarType.Float32));
        var dora = VariantCatalog.Get("dora");
        var error = Assert.Throws<OptionException>(() => model.Attach(dora, dora.ReadOptions([]), 0));
        Assert.Contains("base_precision nf4", error.Message, StringComparison.Ordinal);

        var lora = VariantCatalog.Get("lora");
        model.Attach(lora, lora.ReadOptions([]), 0);
        var losses = TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 2 }).Select(report => report.Loss);
        Assert.All(losses, loss => Assert.InRange(loss, 0.5, 2));
        Assert.InRange((double)model.BaseBytes / (4 * model.BaseParameters), 0.1, 0.75);
    }

    private static string Folder => Places.Shared("models", "minilm-l6");
}

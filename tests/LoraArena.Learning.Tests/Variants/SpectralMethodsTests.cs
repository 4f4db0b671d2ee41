using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("c3a", """{"block_size": 4}""", LearningRate = 0.05)]
[assembly: TinyVariant("fourierft", """{"n_frequency": 60, "scaling": 20}""", LearningRate = 0.05, HasNoShapeKernels = true)]
[assembly: TinyVariant("waveft", """{"n_frequency": 80}""", StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("deft", """{"r": 4}""", HasKinks = true, HasNoShapeKernels = true)]

// No training of C3A is compared: PEFT 0.21.2 passes the transposed block's gradient to the layer's input (torch.autograd.gradcheck fails on it). That the
// gradient here is the slope is held by the tests that every variant has.
[assembly: PeftCase("c3a", "c3a", "C3AConfig", """{"block_size": 4}""", Trains = false)]
[assembly: PeftCase("c3a", "c3a-zero", "C3AConfig", """{"block_size": 2, "init_weights": true}""", Trains = false)]
[assembly: PeftCase("fourierft", "fourierft", "FourierFTConfig", """{"n_frequency": 50, "scaling": 20}""")]
[assembly: PeftCase("fourierft", "fourierft-other-places", "FourierFTConfig", """{"n_frequency": 30, "random_loc_seed": 5, "init_weights": true}""")]
[assembly: PeftCase("waveft", "waveft", "WaveFTConfig", """{"n_frequency": 60}""", Spread = 0.05, LearningRate = 0.0005)]
[assembly: PeftCase("waveft", "waveft-plain", "WaveFTConfig", """{"n_frequency": 30, "use_idwt": false, "scaling": 10}""", Spread = 0.05, LearningRate = 0.0005)]
[assembly: PeftCase("deft", "deft", "DeftConfig", """{"r": 4}""", Spread = 0.1)]
[assembly: PeftCase("deft", "deft-alpha", "DeftConfig", """{"r": 4, "alpha": 6}""", Spread = 0.1)]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Updates given by few numbers at known places: C3A, FourierFT, WaveFT; and DEFT's exchanged subspace.</summary>
public sealed class SpectralMethodsTests
{
    [Fact]
    public void C3a_BlocksAreCirculant()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Model("bert-tiny", "c3a");
        var layer = model.Adapted!.Layers.First(l => l.Site.InFeatures != l.Site.OutFeatures);
        var (kernel, delta) = (layer.Weights[0].Value, layer.DeltaWeight());
        for (var o = 0; o < layer.Site.OutFeatures; o++)
        {
            for (var i = 0; i < layer.Site.InFeatures; i++)
            {
                Assert.Equal(kernel[o / 4, i / 4, (i - o + 400) % 4].ToSingle() / layer.Site.InFeatures, delta[o, i].ToSingle(), 1e-6f);
            }
        }
    }

    [Theory]
    [InlineData("c3a", "block_size", 5, "c3a: block_size 5 does not divide bert.encoder.layer.0.attention.self.query")]
    [InlineData("fourierft", "n_frequency", 577, "fourierft: n_frequency 577 is more than the 576 entries of bert.encoder.layer.0.attention.self.query")]
    [InlineData("waveft", "n_frequency", 577, "waveft: n_frequency 577 is more than the 576 entries of bert.encoder.layer.0.attention.self.query")]
    public void ASizeThatDoesNotFit_IsRefusedBySite(string variant, string option, int value, string sentence)
        => Assert.StartsWith(
            sentence, Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", variant, new() { [option] = value })).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("fourierft")]
    [InlineData("waveft")]
    public void TheUpdate_IsLinearInTheNumbers_AndKeepsTheirLength(string variant)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Model("bert-tiny", variant, new() { ["scaling"] = 1.0 });
        var layer = model.Adapted!.Layers[0];
        var values = layer.Weights[0].Value;
        Tensor Delta(Tensor of)
        {
            values.copy_(of);
            return layer.DeltaWeight().clone();
        }

        manual_seed(2);
        var (a, b) = (randn_like(values), randn_like(values));
        Assert.InRange(Torch.RelativeError(Delta((2 * a) - b), (2 * Delta(a)) - Delta(b)), 0, 1e-5);

        // Haar's transform is orthogonal; Fourier's scales by 1/√(I O), and half of the length goes into the imaginary part that is cut off.
        var length = Delta(a).norm().ToDouble() / a.norm().ToDouble();
        if (variant == "waveft") Assert.Equal(1, length, 1e-5);
        else Assert.InRange(length * 24, 0.5, 1);
    }

    [Fact]
    public void FourierFt_IsTheSumOfItsWaves()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Model("bert-tiny", "fourierft", new() { ["n_frequency"] = 1, ["scaling"] = 576.0 });
        var layer = model.Adapted!.Layers[0];
        layer.Weights[0].Value.fill_(1);
        var delta = layer.DeltaWeight();

        // One frequency (p, q): cos(2π (p o / O + q i / I)); read p and q off the first column and row.
        var (p, q) = (Frequency(delta.select(1, 0)), Frequency(delta.select(0, 0)));
        var error = 1.0;
        foreach (var sign in new[] { 1, -1 })
        {
            var waves = tensor(Enumerable.Range(0, 24 * 24)
                .Select(at => (float)Math.Cos(2 * Math.PI * (((p * (at / 24)) / 24.0) + (sign * q * (at % 24) / 24.0))))
                .ToArray()).view(24, 24);
            error = Math.Min(error, Torch.RelativeError(delta, waves));
        }

        Assert.InRange(error, 0, 1e-5);

        static int Frequency(Tensor wave) => (int)fft.rfft(wave).abs().argmax().ToInt64();
    }

    [Fact]
    public void Deft_StartsByPuttingBackWhatItTakes()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Model("bert-tiny", "deft", new() { ["alpha"] = 6.0 });
        foreach (var layer in model.Adapted!.Layers)
        {
            Assert.InRange(layer.DeltaWeight().abs().max().ToDouble(), 0, 1e-7);
            var (p, r) = (layer.Weights[0].Value, layer.Weights[1].Value);
            Assert.InRange(Torch.RelativeError(1.5 * r, mm(p.clamp_min(0).t(), layer.Site.Weight.Value)), 0, 1e-5);
            r.add_(randn_like(r));
            var expected = mm(p, (1.5 * r) - mm(p.clamp_min(0).t(), layer.Site.Weight.Value));
            Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected), 0, 1e-5);
        }
    }
}

using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("allora", """{"r": 4}""", GradientIsNotTheSlope = true)]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>ALLoRA (Huang and Balestriero 2024): its factors and the gradients that they scale.</summary>
public sealed class AlloraTests
{
    private static readonly ForwardMode TrainingMode = new(true, 0, 0, 0);

    [Fact]
    public void Factors_StartAtEta_AndFallAsARowGrows()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(eta: 3);
        layer.B.Value.zero_();
        Assert.InRange((layer.FactorO() - 3).abs().max().ToDouble(), 0, 1e-5);
        using var grown = Layer(eta: 3);
        for (var row = 0; row < 5; row++) grown.B.Value[row].copy_(0.3f * (row + 1) * ones(3));
        var factors = grown.FactorO().data<float>().ToArray();
        Assert.Equal(factors.OrderDescending(), factors);
        var norms = mm(grown.B.Value, grown.A.Value).square().sum(1).sqrt();
        Assert.InRange(Torch.RelativeError(grown.FactorO(), 1 / (norms + (1.0 / 9)).sqrt()), 0, 1e-5);
    }

    [Fact]
    public void GradientsOfAAndB_AreScaledByRows_AndThatOfTheInputIsNot()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer(eta: 2);
        foreach (var weight in layer.Weights) weight.Value.requires_grad_();
        var x = randn(7, 6).requires_grad_();
        var g = randn(7, 5);
        var y = layer.Forward(x, TrainingMode);
        (y * g).sum().backward();
        layer.ScaleGradientOfB();
        using var noGrad = no_grad();
        Assert.InRange(Torch.RelativeError(y, layer.Forward(x, ForwardMode.Inference)), 0, 1e-6);
        var (a, b) = (layer.A.Value, layer.B.Value);
        var scaled = g * layer.FactorO();
        Assert.InRange(Torch.RelativeError(layer.B.Value.grad!, mm(scaled.t(), mm(x, a.t()))), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(layer.A.Value.grad!, mm(mm(scaled, b).t(), x)), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(x.grad!, mm(g, layer.Site.Weight.Value + mm(b, a))), 0, 1e-5);
        Assert.True(Torch.RelativeError(layer.A.Value.grad!, mm(mm(g, b).t(), x)) > 0.1);
    }

    [Fact]
    public void OnDisk_ItIsLoraWithAlphaEqualToR()
    {
        using var model = TinyTraining.Model("bert-tiny", "allora");
        var config = model.Adapted!.ToPeft().Config;
        Assert.Equal(("LORA", 4, 4), ((string)config["peft_type"]!, (int)config["r"]!, (int)config["lora_alpha"]!));
    }

    private static AlloraLayer Layer(double eta)
    {
        manual_seed(12);
        var site = new Projection("site", new Weight("weight", randn(5, 6)), new Weight("bias", randn(5)));
        var layer = new AlloraLayer(site, new AlloraOptions { R = 3, Eta = eta }, new VariantContext(1, 0));
        using var noGrad = no_grad();
        layer.B.Value.copy_(randn(5, 3));
        return layer;
    }
}

using LoraArena.Core.Runs;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("lora-fa", "{}")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>LoRA-FA (Zhang et al. 2023) and the gradient that PEFT's optimiser of that name corrects.</summary>
public sealed class LoraFaTests
{
    [Fact]
    public void A_DoesNotMove_AndIsSaved()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-fa");
        var before = model.Adapted!.Layers.Cast<LoraLayer>().Select(layer => layer.A.Value.clone()).ToList();
        TinyTraining.Train(model, TinyTraining.Options);
        foreach (var (layer, a) in model.Adapted.Layers.Cast<LoraLayer>().Zip(before))
        {
            Assert.True(layer.A.Value.Equals(a));
            Assert.True(layer.B.Value.abs().max().ToDouble() > 1e-3);
        }

        Assert.All(model.Adapted.Layers, layer => Assert.Contains($"base_model.model.{layer.Site.Path}.lora_A.weight", model.Adapted.ToPeft().Tensors.Keys));
    }

    [Theory]
    [InlineData(4.0)]
    [InlineData(40.0)]
    public void TheCorrectedStep_IsTheWeightsGradientProjectedOnTheRowsOfA_WhateverTheScale(double alpha)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-fa", new() { ["r"] = 4, ["lora_alpha"] = alpha });
        var layer = (LoraLayer)model.Adapted!.Layers[3];

        // g of the weight is known here: B's plain gradient is s g Aᵀ by definition.
        var g = randn(layer.Site.OutFeatures, layer.Site.InFeatures);
        var a = layer.A.Value;
        layer.B.Value.requires_grad_().grad = layer.Scale * mm(g, a.t());
        foreach (var other in model.Adapted.Layers.Cast<LoraLayer>().Where(l => l != layer)) Assert.Null(other.B.Value.grad);
        using (no_grad()) model.Adapted.AfterBackward(1);
        var projected = mm(g, mm(a.t(), mm(linalg.inv(mm(a, a.t())), a)));
        Assert.InRange(Torch.RelativeError(layer.Scale * mm(layer.B.Value.grad!, a), projected), 0, 1e-4);
        Assert.True(Torch.RelativeError(g, projected) > 0.1);
    }

    [Fact]
    public void WithoutCorrection_TheGradientIsLeftAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-fa", new() { ["correct_gradient"] = false });
        var layer = (LoraLayer)model.Adapted!.Layers[0];
        var gradient = randn(layer.B.Shape);
        layer.B.Value.requires_grad_().grad = gradient.clone();
        model.Adapted.AfterBackward(1);
        Assert.True(layer.B.Value.grad!.Equals(gradient));
    }

    [Fact]
    public void AStartThatMovesTheBase_IsRefused()
        => Assert.Contains(
            "A is not trained",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("lora-fa").ReadOptions(new() { ["init_lora_weights"] = "pissa" })).Message,
            StringComparison.Ordinal);
}

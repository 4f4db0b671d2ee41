using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("vera", """{"r": 32}""", LearningRate = 0.05, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("vera", "vera", "VeraConfig", """{"r": 12, "projection_prng_key": 5, "bert": {"target_modules": ["query", "key", "value", "output.dense", "intermediate.dense"]}, "llama": {"target_modules": ["q_proj", "k_proj", "down_proj"]}}""")]
[assembly: PeftCase("vera", "vera-without-projection", "VeraConfig", """{"r": 12, "save_projection": false, "d_initial": 0.3, "bert": {"target_modules": ["query", "intermediate.dense"]}, "llama": {"target_modules": ["v_proj", "up_proj"]}}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>VeRA (Kopiczko et al. 2023). That the matrices are PEFT's bit for bit is held by the adapter that is written without them.</summary>
public sealed class VeraTests
{
    [Fact]
    public void AllLayersShareOnePair_WhichTrainingLeavesAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "vera");
        var layers = model.Adapted!.Layers.Cast<VeraLayer>().ToList();
        Assert.All(layers, layer => Assert.Same(layers[0].Shared.A, layer.Shared.A));
        var (a, b) = (layers[0].Shared.A.Value.clone(), layers[0].Shared.B.Value.clone());
        Assert.Equal([32L, 40], a.shape);
        TinyTraining.Train(model, TinyTraining.Options);
        Assert.True(layers[0].Shared.A.Value.Equals(a) && layers[0].Shared.B.Value.Equals(b));
        Assert.All(layers, layer => Assert.True(layer.LambdaB.Value.abs().max().ToDouble() > 0));
    }

    [Fact]
    public void TheKeyAloneDecidesTheMatrices()
    {
        using var scope = NewDisposeScope();
        Tensor A(int key, long seed) =>
            ((VeraLayer)TinyTraining.Model("bert-tiny", "vera", new() { ["projection_prng_key"] = key }, seed).Adapted!.Layers[0]).Shared.A.Value;
        Assert.True(A(1, 3).Equals(A(1, 4)));
        Assert.False(A(1, 3).Equals(A(2, 3)));
    }

    [Fact]
    public void ItIsLoraWithScaledRows_AndInTheFirstStepOnlyBLearns()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "vera");
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 1 });
        foreach (var layer in model.Adapted!.Layers.Cast<VeraLayer>())
        {
            Assert.Equal(0, layer.LambdaD.Value.grad!.abs().max().ToDouble());
            Assert.True(layer.LambdaB.Value.grad!.abs().max().ToDouble() > 0);
            using var noGrad = no_grad();
            layer.LambdaB.Value.copy_(randn(layer.LambdaB.Shape));
            layer.LambdaD.Value.copy_(randn(layer.LambdaD.Shape));
            var (i, o) = (layer.Site.InFeatures, layer.Site.OutFeatures);
            var expected = mm(
                layer.LambdaB.Value.unsqueeze(1) * layer.Shared.B.Value.narrow(0, 0, o),
                layer.LambdaD.Value.unsqueeze(1) * layer.Shared.A.Value.narrow(1, 0, i));
            Assert.InRange(Torch.RelativeError(layer.DeltaWeight(), expected), 0, 1e-5);
        }
    }
}

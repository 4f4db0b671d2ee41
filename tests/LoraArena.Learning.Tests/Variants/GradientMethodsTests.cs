using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("riemannian-lora", """{"r": 4}""")]
[assembly: TinyVariant("lora-pro", """{"r": 4, "lora_alpha": 8}""", LearningRate = 0.005)]
[assembly: TinyVariant("lora-rite", """{"r": 4}""", LearningRate = 0.003)]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Methods that are LoRA with another gradient or optimiser: Riemannian LoRA, LoRA-Pro, LoRA-RITE.</summary>
public sealed class GradientMethodsTests
{
    [Fact]
    public void Riemannian_ScalesEachGradientByTheOtherFactor()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", "riemannian-lora", new() { ["reg"] = 0.05 }));
        var before = RandomPairs(model.Adapted!);
        using (no_grad()) model.Adapted!.AfterBackward(1);
        foreach (var (layer, gA, gB) in before)
        {
            // The formula with a general inverse: (BᵀB + δ) g_A' = g_A and g_B' (AAᵀ + δ) = g_B.
            var (a, b) = (layer.A.Value.detach(), layer.B.Value.detach());
            Assert.InRange(Torch.RelativeError(mm(mm(b.t(), b) + (0.05 * eye(4)), layer.A.Value.grad!), gA), 0, 1e-5);
            Assert.InRange(Torch.RelativeError(mm(layer.B.Value.grad!, mm(a, a.t()) + (0.05 * eye(4))), gB), 0, 1e-5);
            Assert.True(Torch.RelativeError(layer.A.Value.grad!, gA) > 0.1, "the gradient is what it was");
        }
    }

    [Fact]
    public void LoraPro_MeansTheLeastSquaresOptimumForTheWeight()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var layer = Layer();
        manual_seed(4);
        var g = randn(12, 10);
        var (meant, adjusted) = Meant(layer, g);

        // The optimum over all pairs (g_A, g_B): a projection, computed from orthonormal bases and not from the method's own formulas.
        var (qB, _) = linalg.qr(layer.B.Value.detach());
        var (qA, _) = linalg.qr(layer.A.Value.detach().t());
        var ofB = mm(qB, mm(qB.t(), g));
        var optimum = ofB + mm(mm(g - ofB, qA), qA.t());
        Assert.InRange(Torch.RelativeError(meant, optimum), 0, 1e-4);

        // LoRA's own gradients mean a step that is farther from g, at any length.
        var (a, b, s) = (layer.A.Value.detach(), layer.B.Value.detach(), layer.Scale);
        var plain = s * s * (mm(b, mm(b.t(), g)) + mm(mm(g, a.t()), a));
        var length = ((plain * g).sum() / plain.square().sum()).ToDouble();
        Assert.True((g - optimum).norm().ToDouble() < 0.999 * (g - (length * plain)).norm().ToDouble());

        // Descent: with LoRA's gradients it makes |meant|², and no other solution X is closer to them.
        var (gA, gB) = (s * mm(b.t(), g), s * mm(g, a.t()));
        var (newA, newB) = adjusted;
        Assert.Equal(meant.square().sum().ToDouble(), ((newA * gA).sum() + (newB * gB).sum()).ToDouble(), 1e-2);
        double Distance(Tensor x) => ((newA + mm(x, a) - gA).square().sum() + (newB - mm(b, x) - gB).square().sum()).ToDouble();
        var least = Distance(zeros(3, 3));
        for (var i = 0; i < 5; i++) Assert.True(Distance(0.05 * randn(3, 3)) > least);
    }

    [Fact]
    public void LoraPro_DoesNotDependOnTheSplit_AndBearsABOfZero()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var layer = Layer();
        manual_seed(4);
        var g = randn(12, 10);
        var meant = Meant(layer, g).Meant;
        var change = randn(3, 3) + (2 * eye(3));
        layer.A.Value.copy_(mm(change, layer.A.Value));
        layer.B.Value.copy_(mm(layer.B.Value, linalg.inv(change)));
        Assert.InRange(Torch.RelativeError(Meant(layer, g).Meant, meant), 0, 1e-3);

        layer.B.Value.zero_();
        var (a, b) = Meant(layer, g).Adjusted;
        Assert.Equal(0, a.abs().max().ToDouble());
        var rows = layer.A.Value;
        Assert.InRange(Torch.RelativeError(mm(b, mm(rows, rows.t())) * layer.Scale, mm(g, rows.t())), 0, 1e-4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rite_DoesNotDependOnTheSplit_AndAdamDoes(bool escape)
    {
        using var scope = NewDisposeScope();
        var change = randn(4, 4) + (2 * eye(4));
        Assert.InRange(Torch.RelativeError(Product("lora-rite", change, escape), Product("lora-rite", null, escape)), 0, 1e-3);
        Assert.True(Torch.RelativeError(Product("lora", change, null), Product("lora", null, null)) > 0.02, "this training does not tell the two apart");
    }

    [Fact]
    public void Rite_LeavesAAloneInTheFirstStep_AndBalancesWithoutChangingTheProduct()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-rite");
        var before = model.Adapted!.Layers.Cast<LoraLayer>().Select(l => l.A.Value.detach().clone()).ToList();
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 1, WeightDecay = 0 });
        Assert.All(model.Adapted.Layers.Cast<LoraLayer>().Zip(before), p => Assert.True(p.First.A.Value.Equals(p.Second)));
        Assert.All(model.Adapted.Layers.Cast<LoraLayer>(), l => Assert.True(l.B.Value.abs().max().ToDouble() > 0));

        using var balanced = TinyTraining.Model("bert-tiny", "lora-rite", new() { ["balance_param"] = true });
        using var plain = TinyTraining.Model("bert-tiny", "lora-rite");

        // Clipping of the whole gradient would see the factors.
        TinyTraining.Train(balanced, TinyTraining.Options with { MaxGradNorm = 0 });
        TinyTraining.Train(plain, TinyTraining.Options with { MaxGradNorm = 0 });
        foreach (var (one, other) in balanced.Adapted!.Layers.Cast<LoraLayer>().Zip(plain.Adapted!.Layers.Cast<LoraLayer>()))
        {
            Assert.Equal(one.A.Value.norm().ToDouble(), one.B.Value.norm().ToDouble(), 1e-4);
            Assert.InRange(Torch.RelativeError(one.DeltaWeight(), other.DeltaWeight()), 0, 1e-3);
        }
    }

    // The product of the first layer after a training whose factors were split in another way to begin with.
    private static Tensor Product(string variant, Tensor? change, bool? escape)
    {
        var options = new System.Text.Json.Nodes.JsonObject { ["r"] = 4, ["lora_dropout"] = 0, ["lora_alpha"] = 8 };
        if (escape is { } applied) options["apply_escape"] = applied;
        using var model = TinyTraining.Model("bert-tiny", variant, options);
        using (no_grad())
        {
            manual_seed(11);
            foreach (var layer in model.Adapted!.Layers.Cast<LoraLayer>())
            {
                layer.B.Value.copy_(0.1 * randn_like(layer.B.Value));
                if (change is null) continue;
                layer.A.Value.copy_(mm(change, layer.A.Value));
                layer.B.Value.copy_(mm(layer.B.Value, linalg.inv(change)));
            }
        }

        // Clipping of the whole gradient would depend on the split; it is the method's own clip that does not.
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 12, MaxGradNorm = 0, WeightDecay = 0 });
        using var noGrad = no_grad();
        return model.Adapted.Layers[0].DeltaWeight().MoveToOuterDisposeScope();
    }

    private static LoraLayer Layer()
    {
        var layer = (LoraLayer)new Lora().Wrap(VariantLayers.Site(10, 12), new LoraOptions { R = 3, LoraAlpha = 6 });
        layer.B.Value.copy_(randn(12, 3));
        return layer;
    }

    private static (Tensor Meant, (Tensor A, Tensor B) Adjusted) Meant(LoraLayer layer, Tensor g)
    {
        var (a, b, s) = (layer.A.Value.detach(), layer.B.Value.detach(), layer.Scale);
        var adjusted = ClosestStep.Adjust([layer], [(s * mm(b.t(), g), s * mm(g, a.t()))])[0];
        return (s * (mm(b, adjusted.A) + mm(adjusted.B, a)), adjusted);
    }

    private static List<(LoraLayer Layer, Tensor A, Tensor B)> RandomPairs(AttachedVariant adapted)
    {
        manual_seed(5);
        var pairs = new List<(LoraLayer, Tensor, Tensor)>();
        foreach (var layer in adapted.Layers.Cast<LoraLayer>())
        {
            using (no_grad()) layer.B.Value.copy_(randn_like(layer.B.Value));
            layer.A.Value.grad = randn_like(layer.A.Value).detach();
            layer.B.Value.grad = randn_like(layer.B.Value).detach();
            pairs.Add((layer, layer.A.Value.grad.clone(), layer.B.Value.grad.clone()));
        }

        return pairs;
    }
}

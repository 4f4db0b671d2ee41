using LoraArena.Core.Runs;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("adalora", """{"init_r": 6, "target_r": 4}""", LearningRate = 0.02)]
[assembly: PeftCase("adalora", "adalora", "AdaLoraConfig", """{"init_r": 6, "target_r": 3, "tinit": 2, "tfinal": 2, "deltaT": 2, "total_step": 8, "lora_alpha": 12, "orth_reg_weight": 0.3}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>AdaLoRA (Zhang et al. 2023). That its training is PEFT's, ranks and orthogonality included, is held with every variant's.</summary>
public sealed class AdaLoraTests
{
    [Fact]
    public void TheBudget_FallsFromAllToTheTarget()
    {
        var schedule = AdaLoraSchedule.Of(new AdaLoraOptions { Tinit = 10, Tfinal = 20, DeltaT = 5 }, 100);
        Assert.Equal(120, schedule.Budget(10, 120, 80));
        Assert.True(schedule.Budget(11, 120, 80) < 120);
        Assert.Equal(80, schedule.Budget(80, 120, 80));
        Assert.Equal(80, schedule.Budget(99, 120, 80));
        for (var step = 1; step < 100; step++) Assert.True(schedule.Budget(step + 1, 120, 80) <= schedule.Budget(step, 120, 80));

        // (120 − 80) · (1 − 35/70)³ + 80 = 85.
        Assert.Equal(85, schedule.Budget(45, 120, 80));
        Assert.Equal([15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80], Enumerable.Range(1, 100).Where(step => schedule.Masks(step)));
    }

    [Fact]
    public void AfterEveryStep_NoMoreIsLeftThanTheBudget_AndInTheEndTheTarget()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "adalora", new() { ["tinit"] = 3, ["tfinal"] = 4 });
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options with { MaxSteps = 16 });
        var (layers, schedule) = (
            model.Adapted!.Layers.Cast<AdaLoraLayer>().ToList(),
            AdaLoraSchedule.Of(new AdaLoraOptions { Tinit = 3, Tfinal = 4, DeltaT = 1 }, 16));
        while (trainer.StepsDone < 16)
        {
            trainer.Step();
            var left = layers.Sum(layer => layer.E.Value.count_nonzero().ToInt64());
            Assert.Equal(schedule.Budget(trainer.StepsDone, 6L * layers.Count, 4L * layers.Count), left);
        }

        Assert.Contains(layers, layer => layer.E.Value.count_nonzero().ToInt64() != 4);
    }

    [Fact]
    public void TheOrthogonalityTerm_IsZeroForOrthonormalFactorsAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "adalora", new() { ["orth_reg_weight"] = 0.5 });
        using var noGrad = no_grad();
        foreach (var layer in model.Adapted!.Layers.Cast<AdaLoraLayer>())
        {
            layer.A.Value.copy_(linalg.qr(randn(layer.Site.InFeatures, 6)).Q.t());
            layer.B.Value.copy_(linalg.qr(randn(layer.Site.OutFeatures, 6)).Q);
        }

        Assert.InRange(model.Adapted.ExtraLoss()!.ToDouble(), 0, 1e-5);

        // Rows twice as long: A Aᵀ − 1 is 3 times the identity, of norm 3 √6, in one of two matrices of one layer.
        ((AdaLoraLayer)model.Adapted.Layers[0]).A.Value.mul_(2);
        Assert.Equal(0.5 * 3 * Math.Sqrt(6) / (2 * model.Adapted.Layers.Count), model.Adapted.ExtraLoss()!.ToDouble(), 1e-4);
    }

    [Fact]
    public void AScheduleThatDoesNotFit_IsRefused()
    {
        Assert.Contains("leave none of the training's 8 steps", Assert.Throws<OptionException>(() =>
        {
            using var model = TinyTraining.Model("bert-tiny", "adalora", new() { ["tinit"] = 6, ["tfinal"] = 2 });
            TinyTraining.Train(model, TinyTraining.Options);
        }).Message, StringComparison.Ordinal);
        Assert.Contains(
            "target_r does not go with a smaller init_r",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("adalora").ReadOptions(new() { ["init_r"] = 4, ["target_r"] = 8 })).Message,
            StringComparison.Ordinal);
    }
}

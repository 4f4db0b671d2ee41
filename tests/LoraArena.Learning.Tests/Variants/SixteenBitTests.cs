using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Every method on base weights of 16 bits: what a GPU keeps where nobody says otherwise.</summary>
public sealed class SixteenBitTests
{
    // bf16 has eight bits of mantissa: what a few layers make of it.
    private const double Rounded = 0.05;

    public static TheoryData<string> Variants => [.. VariantCatalog.All.Keys];

    [Theory]
    [MemberData(nameof(Variants))]
    public void AMethod_TrainsAndMerges(string variant)
    {
        var fixture = TinyVariant.Of(variant).OnlyOn ?? "bert-tiny";
        using var scope = NewDisposeScope();
        var exact = TinyTraining.Train(Model(fixture, variant, BasePrecision.Full), Options(variant));
        var model = Model(fixture, variant, BasePrecision.Of("bf16", ScalarType.Float32));
        var rounded = TinyTraining.Train(model, Options(variant));
        Assert.All(rounded, report => Assert.True(double.IsFinite(report.Loss) && double.IsFinite(report.GradNorm), $"step {report.Step}"));
        Assert.InRange(Math.Abs(rounded[0].Loss - exact[0].Loss), 0, Rounded);
        Assert.Contains(exact.Zip(rounded), pair => pair.First.Loss != pair.Second.Loss);

        if (!VariantCatalog.Get(variant).Info.CanMerge) return;
        var logits = TinyTraining.Logits(model);
        var limit = Rounded * (1 + Added(model));
        model.Merge();
        Assert.InRange((TinyTraining.Logits(model) - logits).abs().max().ToDouble(), 0, limit);
    }

    // Largest |ΔW| / |W|: the sum of both rounds as both do.
    private static double Added(PreferenceModel model)
        => model.Sites.Max(site => site.Adapter is { } adapter ? (adapter.DeltaWeight().norm() / site.Weight.Value.norm()).ToDouble() : 0);

    private static LoraArena.Core.Runs.TrainingOptions Options(string variant) => TinyTraining.OptionsFor(variant) with { MaxSteps = 3 };

    private static PreferenceModel Model(string fixture, string variant, BasePrecision precision)
    {
        var model = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3, precision: precision);
        var (method, read) = TinyTraining.Method(variant);
        model.Attach(method, read, seed: 3);
        return model;
    }
}

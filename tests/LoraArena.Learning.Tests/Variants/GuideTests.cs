using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>The guide for a new method, docs/variants.md: its example is this assembly's, and it does what the guide says.</summary>
public sealed class GuideTests
{
    [Fact]
    public void TheGuidesExample_IsTheOneThatIsCompiledHere()
    {
        var source = File.ReadAllText(Path.Join(Places.Repository, "tests", "LoraArena.Learning.Tests", "Variants", "RowScaleExample.cs"))
            .Split("// ----\n")[1]
            .TrimEnd();
        var guide = File.ReadAllText(Path.Join(Places.Repository, "docs", "variants.md"));
        Assert.Contains(source, guide, StringComparison.Ordinal);
    }

    [Fact]
    public void TheExample_StartsAsTheModel_Trains_IsSaved_AndMerges()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        var method = new RowScale();
        var options = method.ReadOptions(new() { ["strength"] = 2, ["target_modules"] = "query, output.dense" });
        model.Attach(method, options, seed: 3);

        // The base's own product may be computed by another library than the example's.
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), TinyTraining.Logits(plain)), 0, 1e-6);
        Assert.Equal(model.Adapted!.Layers.Sum(layer => method.ParametersOf(layer.Site.Shape, options)), model.Adapted.Weights.Sum(w => w.Weight.Count));
        TinyTraining.Train(model, TinyTraining.Options);
        var trained = TinyTraining.Logits(model);
        Assert.True(Torch.RelativeError(trained, TinyTraining.Logits(plain)) > 1e-3);

        RunAdapter.Write(folder.Path, model, "base");
        using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 9);
        RunAdapter.Load(folder.Path, again, method, options, seed: 3);
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(again), trained), 0, 1e-6);
        model.Merge();
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), trained), 0, 1e-5);
    }
}

using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>
/// Tiny models that a variant has been trained on, each trained once: afterwards they come from a run's adapter folder, and are checked to be what
/// the training left.
/// </summary>
internal static class TrainedModels
{
    private const double Tolerance = 1e-5;
    private static readonly TemporaryFolder Folder = new();
    private static readonly Dictionary<(string Fixture, string Variant), Tensor> Logits = [];

    static TrainedModels() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Folder.Dispose();

    /// <summary>A fixture's model with a variant, trained at <see cref="TinyTraining.OptionsFor"/>.</summary>
    public static PreferenceModel Load(string fixture, string variant)
    {
        if (!Logits.TryGetValue((fixture, variant), out var expected))
        {
            using var scope = NewDisposeScope();
            using var trained = TinyTraining.Model(fixture, variant);
            TinyTraining.Train(trained, TinyTraining.OptionsFor(variant));
            RunAdapter.Write(Folder.At(fixture, variant), trained, fixture);
            Logits.Add((fixture, variant), expected = TinyTraining.Logits(trained).DetachFromDisposeScope());
        }

        var model = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3);
        var (method, options) = TinyTraining.Method(variant);
        RunAdapter.Load(Folder.At(fixture, variant), model, method, options, seed: 3);
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), expected), 0, Tolerance);
        return model;
    }
}

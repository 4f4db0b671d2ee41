using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Peft;

/// <summary>
/// The adapter folder of a run: PEFT's files, for whoever takes them, and beside them what they lack of the adapter as it was trained (factors before
/// they were put into PEFT's form, starting values, masks). A run is loaded by its spec, so that it is the method it was, bit for bit.
/// </summary>
public static class RunAdapter
{
    private const string OwnName = "arena_adapter.safetensors";
    private const string StatePrefix = "variant.";

    /// <summary>Writes the trained adapter and head of a model into a folder, which is made if need be.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="model">A model with its adapter attached.</param>
    /// <param name="baseName">Name of the base model, for whoever loads the adapter elsewhere.</param>
    public static void Write(string folder, PreferenceModel model, string baseName)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var adapted = PeftFolder.AdaptedOf(model);
        var peft = adapted.ToPeft();
        PeftFolder.Write(folder, model, baseName, peft);
        var own = adapted.Weights.Where(w => !IsWritten(w, peft)).ToDictionary(w => w.Key, w => w.Weight.Value, StringComparer.Ordinal);
        foreach (var (name, value) in adapted.FinalState()) own.Add(StatePrefix + name, value);
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["variant"] = adapted.Variant.Info.Id };
        SafetensorsWriter.Write(Path.Join(folder, OwnName), own, metadata);
    }

    // As it is in memory, not changed for PEFT.
    private static bool IsWritten(AdapterWeight weight, PeftAdapter peft)
        => peft.Tensors.TryGetValue(weight.Key, out var written) && ReferenceEquals(written, weight.Weight.Value);

    /// <summary>Puts the trained adapter and head of a run on a model.</summary>
    /// <param name="folder">The run's adapter folder.</param>
    /// <param name="model">The base model.</param>
    /// <param name="variant">The run's method.</param>
    /// <param name="options">Its options.</param>
    /// <param name="seed">The run's seed.</param>
    /// <exception cref="PeftException">A tensor is missing or of another shape.</exception>
    public static void Load(string folder, PreferenceModel model, LoraVariant variant, VariantOptions options, long seed)
    {
        var own = Path.Join(folder, OwnName);
        if (!File.Exists(own))
        {
            // A run from before there was such a file.
            PeftFolder.Load(folder, model);
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var tensors = PeftTensors.Open(own, Path.Join(folder, PeftFolder.WeightsName));
        model.Attach(variant, options, seed);
        var adapted = PeftFolder.AdaptedOf(model);
        adapted.ReadCheckpoint(tensors);
        foreach (var (name, value) in adapted.FinalState()) value.copy_(tensors.Take(StatePrefix + name, value.shape));
        adapted.StateHasBeenRead();
        foreach (var weight in PeftFolder.Beside(model)) weight.Weight.Value.copy_(tensors.Take(weight.Key, weight.Weight.Shape));
    }
}

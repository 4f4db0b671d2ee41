using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Peft;

/// <summary>
/// An adapter folder in the format of Hugging Face PEFT 0.21: adapter_config.json and adapter_model.safetensors, whose keys are
/// <c>base_model.model.</c>, the path of the module, and the variant's own name.
/// </summary>
public static class PeftFolder
{
    private const string ConfigName = "adapter_config.json";
    internal const string WeightsName = "adapter_model.safetensors";
    private const string Root = "base_model.model.";
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>Writes the adapter and head of a model into a folder, which is made if need be.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="model">A model with its adapter attached.</param>
    /// <param name="baseName">Name or path of the base model, for whoever loads the adapter.</param>
    public static void Write(string folder, PreferenceModel model, string baseName)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Write(folder, model, baseName, AdaptedOf(model).ToPeft());
    }

    /// <summary>Writes an adapter that has been put into PEFT's form, with the head of the model.</summary>
    internal static void Write(string folder, PreferenceModel model, string baseName, PeftAdapter adapter)
        => Write(folder, model, baseName, adapter, [.. AdaptedOf(model).TargetPaths], BaseTraining.Names(AdaptedOf(model).Options.ModulesToSave));

    /// <summary>Writes an adapter in PEFT's form.</summary>
    /// <param name="folder">Where to; made if need be.</param>
    /// <param name="model">The model whose head goes along.</param>
    /// <param name="baseName">Name of the base model.</param>
    /// <param name="adapter">The method's fields and tensors.</param>
    /// <param name="targets">The adapted modules; none where the method adapts none.</param>
    /// <param name="modules">Modules besides the head that are written whole.</param>
    internal static void Write(
        string folder, PreferenceModel model, string baseName, PeftAdapter adapter,
        IReadOnlyList<string> targets, IReadOnlyList<string> modules)
    {
        var (config, tensors) = adapter;
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(
            Path.Join(folder, WeightsName),
            tensors.Concat(Beside(model).Select(w => KeyValuePair.Create(w.Key, w.Weight.Value))).ToDictionary(StringComparer.Ordinal),
            Metadata);
        config["task_type"] = "SEQ_CLS";
        config["base_model_name_or_path"] = baseName;
        config["inference_mode"] = true;
        config["modules_to_save"] = new JsonArray([.. model.SavedModules.Concat(modules).Distinct().Select(name => (JsonNode)name)]);
        if (targets.Count > 0) config["target_modules"] = new JsonArray([.. targets.Select(path => (JsonNode)path)]);
        var sorted = new JsonObject(config.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
        AtomicFile.WriteText(Path.Join(folder, ConfigName), sorted.ToJsonString(ArenaJson.Indented) + "\n");
    }

    /// <summary>Attaches the adapter of a folder to a model and takes over its head.</summary>
    /// <exception cref="PeftException">The folder does not hold an adapter that this build can use with this model.</exception>
    public static void Load(string folder, PreferenceModel model)
    {
        var config = PeftConfigReader.Open(Path.Join(folder, ConfigName));
        var variant = VariantCatalog.Claiming(config) ?? throw config.Error($"peft_type '{config.PeftType}' is not supported");
        try
        {
            model.Attach(variant, variant.FromPeftConfig(config), seed: 0);
        }
        catch (OptionException error)
        {
            throw config.Error(error.Message);
        }

        Read(folder, model, model.Adapted!.ReadPeft);
    }

    /// <summary>Writes every tensor of adapter and head as they are in memory: what a run needs to go on.</summary>
    public static void WriteCheckpoint(string folder, PreferenceModel model)
        => SafetensorsWriter.Write(
            Path.Join(folder, WeightsName), Weights(model).ToDictionary(w => w.Key, w => w.Weight.Value, StringComparer.Ordinal), Metadata);

    /// <summary>Reads a checkpoint into a model that carries the adapter already.</summary>
    /// <exception cref="PeftException">A tensor is missing, left over, or of another shape.</exception>
    public static void ReadCheckpoint(string folder, PreferenceModel model) => Read(folder, model, tensors => model.Adapted?.ReadCheckpoint(tensors));

    /// <summary>All tensors of adapter and head by PEFT's keys.</summary>
    public static IEnumerable<AdapterWeight> Weights(PreferenceModel model) => (model.Adapted?.Weights ?? []).Concat(Beside(model));

    internal static AttachedVariant AdaptedOf(PreferenceModel model) => model.Adapted ?? throw new InvalidOperationException("The model carries no adapter.");

    /// <summary>What is trained beside the adapter: weights of the model itself, and the head.</summary>
    internal static IEnumerable<AdapterWeight> Beside(PreferenceModel model)
        => (model.Adapted?.BaseWeights ?? []).Concat(model.HeadWeights.Select(weight =>
            new AdapterWeight((model.Adapted?.HeadRoot ?? Root) + weight.Name, weight, Trained: true)));

    private static void Read(string folder, PreferenceModel model, Action<PeftTensors> adapter)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var tensors = PeftTensors.Open(Path.Join(folder, WeightsName));
        adapter(tensors);
        foreach (var (key, weight) in Beside(model).Select(w => (w.Key, w.Weight))) weight.Value.copy_(tensors.Take(key, weight.Shape));

        // PEFT writes biases of such modules three times.
        tensors.Ignore(key => key.Contains(".modules_to_save.", StringComparison.Ordinal) || key.Contains(".original_module.", StringComparison.Ordinal));
        tensors.RequireAllTaken();
    }
}

/// <summary>An adapter folder that cannot be used.</summary>
public sealed class PeftException(string path, string reason) : Exception($"{path}: {reason}.")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}

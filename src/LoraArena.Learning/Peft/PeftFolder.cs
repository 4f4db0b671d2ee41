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
    private const string WeightsName = "adapter_model.safetensors";
    private const string Root = "base_model.model.";
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>Writes the adapter and head of a model into a folder, which is made if need be.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="model">A model with its adapter attached.</param>
    /// <param name="baseName">Name or path of the base model, for whoever loads the adapter.</param>
    public static void Write(string folder, PreferenceModel model, string baseName)
    {
        var adapted = model.Adapted ?? throw new InvalidOperationException("The model carries no adapter.");
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Join(folder, WeightsName), Tensors(model), Metadata);
        var config = adapted.Variant.PeftConfig(adapted.Options);
        config["peft_type"] = adapted.Variant.Info.PeftType;
        config["task_type"] = "SEQ_CLS";
        config["base_model_name_or_path"] = baseName;
        config["inference_mode"] = true;
        config["modules_to_save"] = new JsonArray(model.Family.HeadPath);
        config["target_modules"] = new JsonArray([.. adapted.Layers.Select(layer => (JsonNode)layer.Site.Path)]);
        var sorted = new JsonObject(config.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
        AtomicFile.WriteText(Path.Join(folder, ConfigName), sorted.ToJsonString(ArenaJson.Indented) + "\n");
    }

    /// <summary>Attaches the adapter of a folder to a model and takes over its head.</summary>
    /// <exception cref="PeftException">The folder does not hold an adapter that this build can use with this model.</exception>
    public static void Load(string folder, PreferenceModel model)
    {
        var config = PeftConfigReader.Open(Path.Join(folder, ConfigName));
        var variant = VariantCatalog.All.Values.FirstOrDefault(v => v.Info.PeftType == config.PeftType)
            ?? throw config.Error($"peft_type '{config.PeftType}' is not supported");
        try
        {
            model.Attach(variant, variant.FromPeftConfig(config), seed: 0);
        }
        catch (OptionException error)
        {
            throw config.Error(error.Message);
        }

        ReadTensors(folder, model);
    }

    /// <summary>Reads the tensors of a folder into a model that carries the adapter already: a checkpoint of the same run.</summary>
    /// <exception cref="PeftException">A tensor is missing, left over, or of another shape.</exception>
    public static void ReadTensors(string folder, PreferenceModel model)
    {
        var path = Path.Join(folder, WeightsName);
        using var file = SafetensorsFile.Open(path);
        var wanted = Weights(model).ToList();
        var known = wanted.Select(w => w.Key).ToHashSet(StringComparer.Ordinal);
        if (file.Entries.FirstOrDefault(e => !known.Contains(e.Name)) is { } extra) throw new PeftException(path, $"the tensor '{extra.Name}' has no place in this model");
        using var noGrad = no_grad();
        foreach (var (key, weight) in wanted)
        {
            using var scope = NewDisposeScope();
            if (!file.Contains(key)) throw new PeftException(path, $"the tensor '{key}' is missing");
            var stored = file.Read(key);
            if (!stored.shape.SequenceEqual(weight.Shape)) throw new PeftException(path, $"the tensor '{key}' has shape [{string.Join(", ", stored.shape)}]; [{string.Join(", ", weight.Shape)}] is needed");
            weight.Value.copy_(stored);
        }
    }

    /// <summary>Adapter and head by PEFT's keys.</summary>
    public static IEnumerable<KeyValuePair<string, Weight>> Weights(PreferenceModel model)
    {
        foreach (var layer in model.Adapted?.Layers ?? [])
        {
            foreach (var weight in layer.Weights) yield return KeyValuePair.Create($"{Root}{layer.Site.Path}.{weight.Name}", weight);
        }

        foreach (var weight in model.HeadWeights) yield return KeyValuePair.Create(Root + weight.Name, weight);
    }

    private static Dictionary<string, Tensor> Tensors(PreferenceModel model) => Weights(model).ToDictionary(w => w.Key, w => w.Value.Value, StringComparer.Ordinal);
}

/// <summary>An adapter folder that cannot be used.</summary>
public sealed class PeftException(string path, string reason) : Exception($"{path}: {reason}.")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}

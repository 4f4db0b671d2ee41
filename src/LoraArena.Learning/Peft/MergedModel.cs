using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using static TorchSharp.torch;

namespace LoraArena.Learning.Peft;

/// <summary>Writes a model with its adapter folded in, as a folder that Transformers' <c>AutoModelForSequenceClassification</c> loads.</summary>
public static class MergedModel
{
    private static readonly string[] TokenizerFiles = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"];

    /// <summary>Merges and writes. The model's adapter is gone afterwards.</summary>
    /// <param name="folder">Where to; made if need be.</param>
    /// <param name="model">The model.</param>
    /// <param name="baseFolder">The base model's folder: its configuration and tokenizer go along.</param>
    public static void Write(string folder, PreferenceModel model, string baseFolder)
    {
        model.Merge();
        Directory.CreateDirectory(folder);
        var tensors = model.BaseWeights.Concat(model.HeadWeights).ToDictionary(w => w.Name, w => w.Value, StringComparer.Ordinal);
        SafetensorsWriter.Write(Path.Join(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteText(Path.Join(folder, "config.json"), Config(model, baseFolder).ToJsonString(ArenaJson.Indented) + "\n");
        foreach (var name in TokenizerFiles.Where(name => File.Exists(Path.Join(baseFolder, name)))) File.Copy(Path.Join(baseFolder, name), Path.Join(folder, name));
    }

    private static JsonObject Config(PreferenceModel model, string baseFolder)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(Path.Join(baseFolder, "config.json")))!.AsObject();
        config["architectures"] = new JsonArray(model.Family.ClassifierArchitecture);
        config["num_labels"] = Winners.Count;
        config["id2label"] = new JsonObject(Winners.Columns.Select((name, i) => KeyValuePair.Create<string, JsonNode?>(i.ToString(System.Globalization.CultureInfo.InvariantCulture), name)));
        config["label2id"] = new JsonObject(Winners.Columns.Select((name, i) => KeyValuePair.Create<string, JsonNode?>(name, i)));
        config["dtype"] = "float32";
        config.Remove("torch_dtype");
        return config;
    }
}

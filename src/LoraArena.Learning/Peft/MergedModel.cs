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
    private static readonly string[] TokenizerFiles =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
        "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spm.model", "sentencepiece.bpe.model", "spiece.model",
    ];

    /// <summary>Merges and writes. The model's adapter is gone afterwards.</summary>
    /// <param name="folder">Where to; made if need be.</param>
    /// <param name="model">The model.</param>
    /// <param name="baseFolder">The base model's folder: its configuration and tokenizer go along.</param>
    /// <param name="padTokenId">Id that fills short rows; null for that of the configuration.</param>
    public static void Write(string folder, PreferenceModel model, string baseFolder, int? padTokenId = null)
    {
        model.Merge();
        Directory.CreateDirectory(folder);
        var tensors = model.BaseWeights.Concat(model.HeadWeights).ToDictionary(w => w.Name, w => w.Value, StringComparer.Ordinal);
        SafetensorsWriter.Write(Path.Join(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.WriteText(Path.Join(folder, "config.json"), Config(model, baseFolder, padTokenId).ToJsonString(ArenaJson.Indented) + "\n");
        foreach (var name in TokenizerFiles.Where(name => File.Exists(Path.Join(baseFolder, name))))
        {
            File.Copy(Path.Join(baseFolder, name), Path.Join(folder, name));
        }

        ExportReadMe.WriteOfModel(folder, model);
    }

    /// <summary>
    /// Id that fills short rows of a decoder's export: Transformers takes the last token that is not this one for a row's last. An encoder
    /// keeps its own, which places
    /// its positions.
    /// </summary>
    internal static int PadTokenId(PreferenceModel model, int? ofTokenizer)
        => (model.Family.Kind == ModelKind.Decoder ? ofTokenizer : null) ?? model.Config.PadTokenId ?? ofTokenizer ?? 0;

    private static JsonObject Config(PreferenceModel model, string baseFolder, int? padTokenId)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(Path.Join(baseFolder, "config.json")))!.AsObject();
        var ownPooling = model.Family.Kind == ModelKind.Encoder ? Pooling.First : Pooling.Last;
        config["architectures"] = new JsonArray(model.Family.ClassifierArchitecture);
        config["num_labels"] = Winners.Count;
        config["id2label"] = new JsonObject(Winners.Columns.Select((name, i) =>
            KeyValuePair.Create<string, JsonNode?>(i.ToString(System.Globalization.CultureInfo.InvariantCulture), name)));
        config["label2id"] = new JsonObject(Winners.Columns.Select((name, i) => KeyValuePair.Create<string, JsonNode?>(name, i)));
        config["pad_token_id"] = PadTokenId(model, padTokenId);
        config["dtype"] = "float32";
        if (model.Config.Pooling != ownPooling) config[ConfigReader.PoolingField] = model.Config.Pooling.ToString().ToLowerInvariant();

        // An old task's loss, paths of whoever saved the base, the older name of dtype.
        foreach (var field in new[] { "problem_type", "_name_or_path", "torch_dtype", "auto_map" }) config.Remove(field);
        return config;
    }
}

using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Learning.Models;

namespace LoraArena.Learning.Peft;

/// <summary>README.md of an exported adapter or model: the lines that load it, what its scores mean, and what text it was trained on.</summary>
public static class ExportReadMe
{
    private const string FileName = "README.md";

    /// <summary>Writes the README of an adapter.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="model">The model that carries it.</param>
    /// <param name="baseName">Name of the base model.</param>
    /// <param name="padTokenId">Id that fills short rows.</param>
    public static void WriteOfAdapter(string folder, PreferenceModel model, string baseName, int padTokenId)
        => Write(folder, "Adapter for pairwise preferences", model, $"""
            from peft import PeftModel
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
            tokenizer = AutoTokenizer.from_pretrained("{baseName}")
            base = AutoModelForSequenceClassification.from_pretrained("{baseName}", num_labels={Winners.Count}, pad_token_id={Number(padTokenId)}{Attention(model)}).float()
            model = PeftModel.from_pretrained(base, ".").eval()
            """);

    /// <summary>Writes the README of a merged model.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="model">The model.</param>
    public static void WriteOfModel(string folder, PreferenceModel model)
        => Write(folder, "Model of pairwise preferences", model, $"""
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
            tokenizer = AutoTokenizer.from_pretrained(".")
            model = AutoModelForSequenceClassification.from_pretrained("."{Attention(model)}).float().eval()
            """);

    // Transformers' fused attention leaves soft caps out.
    private static string Attention(PreferenceModel model) => model.Family.ModelType == "gemma2" ? ", attn_implementation=\"eager\"" : "";

    private static void Write(string folder, string title, PreferenceModel model, string lines)
    {
        var padding = model.Family.Kind == ModelKind.Decoder ? "\ntokenizer.pad_token = tokenizer.convert_ids_to_tokens(model.config.pad_token_id)" : "";
        AtomicFile.WriteText(Path.Join(folder, FileName), $"""
            # {title}

            Run in this folder:

            ```python
            {lines}{padding}
            ```

            The three scores stand for {string.Join(", ", Winners.Columns)}; their softmax are the probabilities.
            {Pooling(model)}{Method(model)}
            A row of text is the prompt, answer A and answer B in this order, {Layout(model.Family.Kind)}.
            The weights are in fp32; in half precision probabilities differ in the third digit.

            """.ReplaceLineEndings("\n"));
    }

    // What the method is, and what whoever loads it has to know.
    private static string Method(PreferenceModel model)
    {
        if (model.Adapted is not { } adapted) return "";
        var info = adapted.Variant.Info;
        var known = info.PeftType is null
            ? $"**PEFT has no such method: the lines above do not load it.** `arena export --format lora` writes it as plain LoRA{(info.CanMerge ? ", `--format merged` as a whole model" : "")}."
            : info.MovesBase ? "Its factors are written together with those that they started from, so they hold on the untouched base." : "";
        var padding = adapted.VirtualTokens is null
            ? ""
            : " Give it one row at a time: behind virtual tokens Transformers takes the last place of a row for its last token, padding or not.";
        return $"\nThe method is {info.Name} ({info.Paper}). {known}{padding}\n";
    }

    private static string Layout(ModelKind kind) => kind == ModelKind.Encoder
        ? "each followed by the tokenizer's separator token, after its first token"
        : "after the lines \"Prompt:\", \"Answer A:\" and \"Answer B:\", with \"Better answer:\" as the last line";

    // Transformers' classes know one way each.
    private static string Pooling(PreferenceModel model)
    {
        var own = model.Family.Kind == ModelKind.Encoder ? Models.Pooling.First : Models.Pooling.Last;
        if (model.Config.Pooling == own) return "";
        var what = model.Config.Pooling == Models.Pooling.Mean ? "the mean of all tokens' states" : "the last token's state";
        return $"""

            **The head looks at {what}, which {model.Family.ClassifierArchitecture} does not do**: take `last_hidden_state` of the backbone, pool it so
            (padding left out), and put the result through the head.

            """;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}

using System.Text.Encodings.Web;
using System.Text.Json;
using LoraArena.Core.Files;
using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Trainer;

/// <summary>Writes a trained tokenizer as Hugging Face's <c>PreTrainedTokenizerFast</c> reads it.</summary>
internal static class TrainedTokenizerFiles
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly (string Role, string Token)[] Roles =
    [
        ("cls_token", "[CLS]"),
        ("mask_token", "[MASK]"),
        ("pad_token", "[PAD]"),
        ("sep_token", "[SEP]"),
        ("unk_token", "[UNK]"),
    ];

    /// <summary>Writes the three files.</summary>
    public static void Write(string folder, string[] specialTokens, IReadOnlyList<string> tokens, IEnumerable<(string Left, string Right)> merges)
    {
        Directory.CreateDirectory(folder);
        WriteJson(Path.Join(folder, "special_tokens_map.json"), WriteRoles);
        WriteJson(Path.Join(folder, "tokenizer_config.json"), json =>
        {
            WriteRoles(json);
            json.WriteBoolean("clean_up_tokenization_spaces", false);
            json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        });

        // The file that makes the folder a tokenizer comes last.
        WriteJson(Path.Join(folder, TokenizerFile.Name), json => WriteTokenizer(json, specialTokens, tokens, merges));
    }

    private static void WriteTokenizer(
        Utf8JsonWriter json, string[] specialTokens, IReadOnlyList<string> tokens, IEnumerable<(string Left, string Right)> merges)
    {
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        for (var id = 0; id < specialTokens.Length; id++) WriteAddedToken(json, id, specialTokens[id]);
        json.WriteEndArray();
        json.WriteNull("normalizer");
        WriteByteLevel(json, "pre_tokenizer", addPrefixSpace: false);
        WriteTemplate(json, specialTokens);
        WriteByteLevel(json, "decoder", addPrefixSpace: true);

        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        for (var id = 0; id < tokens.Count; id++) json.WriteNumber(tokens[id], id);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in merges)
        {
            json.WriteStartArray();
            json.WriteStringValue(left);
            json.WriteStringValue(right);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteAddedToken(Utf8JsonWriter json, int id, string content)
    {
        json.WriteStartObject();
        json.WriteNumber("id", id);
        json.WriteString("content", content);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", false);
        json.WriteBoolean("rstrip", false);
        json.WriteBoolean("normalized", false);
        json.WriteBoolean("special", true);
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string stage, bool addPrefixSpace)
    {
        json.WriteStartObject(stage);
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", addPrefixSpace);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", true);
        json.WriteEndObject();
    }

    private static void WriteTemplate(Utf8JsonWriter json, string[] specialTokens)
    {
        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        WritePieces(json, "single", ("[CLS]", 0), ("A", 0), ("[SEP]", 0));
        WritePieces(json, "pair", ("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1));
        json.WriteStartObject("special_tokens");
        foreach (var token in new[] { "[CLS]", "[SEP]" })
        {
            json.WriteStartObject(token);
            json.WriteString("id", token);
            json.WriteStartArray("ids");
            json.WriteNumberValue(Array.IndexOf(specialTokens, token));
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            json.WriteStringValue(token);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePieces(Utf8JsonWriter json, string name, params ReadOnlySpan<(string Id, int TypeId)> pieces)
    {
        json.WriteStartArray(name);
        foreach (var (id, typeId) in pieces)
        {
            json.WriteStartObject();
            json.WriteStartObject(id.Length == 1 ? "Sequence" : "SpecialToken");
            json.WriteString("id", id);
            json.WriteNumber("type_id", typeId);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteRoles(Utf8JsonWriter json)
    {
        foreach (var (role, token) in Roles) json.WriteString(role, token);
    }

    private static void WriteJson(string path, Action<Utf8JsonWriter> write) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, Options);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    });
}

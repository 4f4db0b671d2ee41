using System.Text.Json.Nodes;
using LoraArena.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>A tokenizer.json small enough to change by hand: BPE on characters a, b, c and x, merges "a b" and "ab c", unknown token.</summary>
internal static class TinyTokenizer
{
    /// <summary>The file.</summary>
    public static JsonObject File() => JsonNode.Parse("""
        {
          "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
          "model": {
            "type": "BPE", "dropout": null, "unk_token": "?", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": {"?": 0, "a": 1, "b": 2, "c": 3, "x": 4, "ab": 5, "abc": 6},
            "merges": ["a b", ["ab", "c"]]
          }
        }
        """)!.AsObject();

    /// <summary>An entry of added_tokens.</summary>
    public static JsonObject Added(int id, string content, bool special = false, bool normalized = false) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = normalized,
        ["special"] = special,
    };

    /// <summary>Changes the file and loads it.</summary>
    public static HuggingFaceTokenizer Load(Action<JsonObject> change)
    {
        var file = File();
        change(file);
        using var folder = new TemporaryFolder();
        return HuggingFaceTokenizer.Load(folder.With("tokenizer.json", file.ToJsonString()));
    }
}

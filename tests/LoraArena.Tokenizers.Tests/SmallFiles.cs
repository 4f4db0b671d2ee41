using System.Text;
using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Tests;

/// <summary>
/// The fixtures' tokenizers with vocabularies so small that a million of them load in minutes: damage meets every kind of part as often as it can.
/// </summary>
internal static class SmallFiles
{
    private const int KeptTokens = 60;

    /// <summary>A tokenizer.json of every make.</summary>
    public static IReadOnlyList<byte[]> TokenizerJsons()
    {
        var folders = Directory.GetDirectories(TestFiles.Fixture("tokenizers")).Order(StringComparer.Ordinal);
        return [.. folders.Select(folder => Cut(Path.Join(folder, "tokenizer.json")))];
    }

    /// <summary>SentencePiece models, the heads and the tails of the fixtures': pieces, and what the trainer and the normalizer were told.</summary>
    public static IReadOnlyList<byte[]> SentencePieceModels()
    {
        var models = new[] { "llama", "other-bpe", "other-unigram" }.Select(name => TestFiles.Fixture("sentencepiece", name, "tokenizer.model"));
        return [.. models.Select(path => WithoutMostPieces(File.ReadAllBytes(path)))];
    }

    private static byte[] Cut(string path)
    {
        var file = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        var model = file["model"]!.AsObject();
        var added = file["added_tokens"]!.AsArray().Select(token => token!["content"]!.GetValue<string>());
        var needed = added.Append(model["unk_token"]?.GetValue<string>()).ToHashSet();
        if (model["vocab"] is JsonArray scored)
        {
            model["vocab"] = new JsonArray([.. scored.Take(KeptTokens).Select(entry => entry!.DeepClone())]);
        }
        else
        {
            var kept = model["vocab"]!.AsObject().Where((entry, i) => i < KeptTokens || needed.Contains(entry.Key)).Select(entry => entry.Key).ToList();
            model["vocab"] = new JsonObject(kept.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id)));
        }

        if (model["merges"] is JsonArray merges)
        {
            var tokens = model["vocab"]!.AsObject().Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
            var prefix = model["continuing_subword_prefix"]?.GetValue<string>() ?? "";
            model["merges"] = new JsonArray([.. merges.Where(merge => Holds(merge!.AsArray(), prefix, tokens)).Select(merge => merge!.DeepClone())]);
        }

        Renumber(file, model);
        return Encoding.UTF8.GetBytes(file.ToJsonString());
    }

    private static bool Holds(JsonArray merge, string prefix, HashSet<string> tokens)
    {
        var (left, right) = (merge[0]!.GetValue<string>(), merge[1]!.GetValue<string>());
        var joined = left + (right.StartsWith(prefix, StringComparison.Ordinal) ? right[prefix.Length..] : right);
        return tokens.Contains(left) && tokens.Contains(right) && tokens.Contains(joined);
    }

    // Added tokens that the vocabulary lacks follow it.
    private static void Renumber(JsonObject file, JsonObject model)
    {
        List<string> tokens = model["vocab"] is JsonArray scored
            ? [.. scored.Select(entry => entry![0]!.GetValue<string>())]
            : [.. model["vocab"]!.AsObject().Select(entry => entry.Key)];
        var next = tokens.Count;
        foreach (var token in file["added_tokens"]!.AsArray())
        {
            var at = tokens.IndexOf(token!["content"]!.GetValue<string>());
            token["id"] = at >= 0 ? at : next++;
        }
    }

    // The file is a list of fields, each a tag, a length and content: pieces have the tag 10 and, in the fixtures, less than 128 bytes.
    private static byte[] WithoutMostPieces(byte[] model)
    {
        var (at, pieces, kept) = (0, 0, new List<byte>());
        for (; model[at] == 10; pieces++)
        {
            var next = at + 2 + model[at + 1];
            if (pieces < KeptTokens || pieces % 40 == 0) kept.AddRange(model.AsSpan(at, next - at));
            at = next;
        }

        return [.. kept, .. model.AsSpan(at)];
    }
}

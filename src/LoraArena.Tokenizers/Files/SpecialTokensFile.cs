using System.Text.Json;

namespace LoraArena.Tokenizers.Files;

/// <summary>
/// Finds out which tokens play which role: tokenizer_config.json says; in folders written before it listed the added tokens
/// special_tokens_map.json overrules it;
/// what neither says, the tokenizer class says, named in tokenizer_config.json or implied by the model type in config.json (Transformers 5.24).
/// </summary>
internal static class SpecialTokensFile
{
    private const string ConfigName = "tokenizer_config.json";
    private const string MapName = "special_tokens_map.json";
    private const string ModelConfigName = "config.json";

    private static readonly string[] Roles = ["cls_token", "sep_token", "bos_token", "eos_token", "pad_token", "unk_token", "mask_token"];

    private static readonly Dictionary<string, string> Bert = Defaults("[CLS]", "[SEP]", null, null, "[PAD]", "[UNK]", "[MASK]");
    private static readonly Dictionary<string, string> Roberta = Defaults("<s>", "</s>", "<s>", "</s>", "<pad>", "<unk>", "<mask>");
    private static readonly Dictionary<string, string> Deberta = Defaults("[CLS]", "[SEP]", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]");
    private static readonly Dictionary<string, string> Gpt2 = Defaults(null, null, "<|endoftext|>", "<|endoftext|>", null, "<|endoftext|>", null);
    private static readonly Dictionary<string, string> Qwen2 = Defaults(null, null, null, "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", null);
    private static readonly Dictionary<string, string> Llama = Defaults(null, null, "<s>", "</s>", null, "<unk>", null);
    private static readonly Dictionary<string, string> Gemma = Defaults(null, null, "<bos>", "<eos>", "<pad>", "<unk>", "<mask>");

    /// <summary>Roles by tokenizer class, without its ending Fast, and by model type.</summary>
    private static readonly Dictionary<string, Dictionary<string, string>> ByKind = new(StringComparer.Ordinal)
    {
        ["BertTokenizer"] = Bert,
        ["bert"] = Bert,
        ["DistilBertTokenizer"] = Bert,
        ["distilbert"] = Bert,
        ["ElectraTokenizer"] = Bert,
        ["electra"] = Bert,
        ["RobertaTokenizer"] = Roberta,
        ["roberta"] = Roberta,
        ["DebertaTokenizer"] = Deberta,
        ["deberta"] = Deberta,
        ["XLMRobertaTokenizer"] = Roberta,
        ["xlm-roberta"] = Roberta,
        ["DebertaV2Tokenizer"] = Deberta,
        ["deberta-v2"] = Deberta,
        ["GPT2Tokenizer"] = Gpt2,
        ["gpt2"] = Gpt2,
        ["Qwen2Tokenizer"] = Qwen2,
        ["qwen2"] = Qwen2,
        ["qwen3"] = Qwen2,
        ["LlamaTokenizer"] = Llama,
        ["llama"] = Llama,
        ["GemmaTokenizer"] = Gemma,
        ["gemma"] = Gemma,
        ["gemma2"] = Gemma,
        ["gemma3_text"] = Gemma,
    };

    /// <summary>Reads the roles.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="idOf">Id of a token; null where it is not known.</param>
    /// <exception cref="TokenizerException">One of the files is malformed.</exception>
    public static SpecialTokens Read(string folder, Func<string, int?> idOf)
    {
        var roles = new Dictionary<string, string?>(StringComparer.Ordinal);
        var listsAddedTokens = false;
        string? kind = null;
        _ = ModelJsonFile.TryRead(Path.Join(folder, ConfigName), Take(root =>
        {
            AddRoles(root, roles);
            listsAddedTokens = root.Find("added_tokens_decoder") is not null;
            kind = root.Find("tokenizer_class")?.Text();
        }), out _);
        if (!listsAddedTokens) _ = ModelJsonFile.TryRead(Path.Join(folder, MapName), Take(root => AddRoles(root, roles)), out _);
        if (kind is null) _ = ModelJsonFile.TryRead(Path.Join(folder, ModelConfigName), Take(root => kind = root.Find("model_type")?.Text()), out _);

        if (kind is not null && ByKind.TryGetValue(kind.EndsWith("Fast", StringComparison.Ordinal) ? kind[..^4] : kind, out var defaults))
        {
            foreach (var (role, token) in defaults) roles.TryAdd(role, token);
        }

        return Resolve(role => roles.GetValueOrDefault(role), idOf);
    }

    /// <summary>The ids of roles that are known already.</summary>
    /// <param name="roles">Tokens by their roles.</param>
    /// <param name="idOf">Id of a token; null where it is not known.</param>
    public static SpecialTokens Resolve(IReadOnlyDictionary<string, string> roles, Func<string, int?> idOf)
        => Resolve(role => roles.GetValueOrDefault(role), idOf);

    private static SpecialTokens Resolve(Func<string, string?> tokenOf, Func<string, int?> idOf)
    {
        return new SpecialTokens(Id("cls_token"), Id("sep_token"), Id("bos_token"), Id("eos_token"), Id("pad_token"), Id("unk_token"), Id("mask_token"));

        int? Id(string role) => tokenOf(role) is { } token ? idOf(token) : null;
    }

    private static Func<JsonPart, bool> Take(Action<JsonPart> read) => part =>
    {
        read(part);
        return true;
    };

    // A role is a text, an object with the text in its field content, or null: then nothing plays it, whatever the class says.
    private static void AddRoles(JsonPart root, Dictionary<string, string?> roles)
    {
        foreach (var role in Roles)
        {
            if (root.Find(role) is { } value) roles[role] = value.Element.ValueKind == JsonValueKind.Object ? value["content"].Text() : value.Text();
            else if (root.Element.TryGetProperty(role, out _)) roles[role] = null;
        }
    }

    private static Dictionary<string, string> Defaults(string? cls, string? sep, string? bos, string? eos, string? pad, string? unk, string? mask)
        => Roles.Zip([cls, sep, bos, eos, pad, unk, mask])
            .Where(role => role.Second is not null)
            .ToDictionary(role => role.First, role => role.Second!, StringComparer.Ordinal);
}

using System.Globalization;
using System.Text.Json;
using LoraArena.Tokenizers.AddedTokens;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>
/// What the JSON files beside a SentencePiece model say: the tokenizer's class, its options, and tokens that the model lacks.
/// </summary>
internal sealed class SentencePieceSettings
{
    private static readonly string[] RoleNames =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, bool> _flags = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AddedToken?> _roles = new(StringComparer.Ordinal);
    private bool _listsAddedTokens;

    /// <summary>The class that tokenizer_config.json or config.json names, without its ending Fast; null where neither does.</summary>
    public string? Class { get; private set; }

    /// <summary>config.json's model type.</summary>
    public string? ModelType { get; private set; }

    /// <summary>Added tokens by the ids that the folder gives them.</summary>
    public SortedDictionary<int, AddedToken> Added { get; } = [];

    /// <summary>The tokens with a role, in the order in which Transformers adds them.</summary>
    public IEnumerable<(string Role, AddedToken Token)> Roles
        => RoleNames.Where(role => _roles.GetValueOrDefault(role) is not null).Select(role => (role, _roles[role]!));

    /// <summary>An option; null where the folder does not set it.</summary>
    public bool? Flag(string name) => _flags.TryGetValue(name, out var flag) ? flag : null;

    /// <summary>The token that plays a role.</summary>
    public string? Role(string role) => _roles.GetValueOrDefault(role)?.Content;

    /// <summary>Gives a role a token where the folder says nothing about it.</summary>
    public void AddDefault(string role, string? token)
    {
        if (token is not null) _roles.TryAdd(role, AddedToken.Plain(token, special: true));
    }

    /// <summary>Reads the files of a folder.</summary>
    /// <exception cref="TokenizerException">One is malformed.</exception>
    public static SentencePieceSettings Read(string folder)
    {
        var settings = new SentencePieceSettings();
        _ = Try("tokenizer_config.json", settings.ReadConfig);
        if (!settings._listsAddedTokens)
        {
            _ = Try("special_tokens_map.json", settings.ReadRoles);
            _ = Try("added_tokens.json", settings.ReadAddedTokens);
        }

        _ = Try("config.json", settings.ReadModelConfig);
        settings.ShareAddedTokens();
        return settings;

        bool Try(string name, Action<JsonPart> read) => ModelJsonFile.TryRead(Path.Join(folder, name), part =>
        {
            read(part);
            return true;
        }, out _);
    }

    private void ReadConfig(JsonPart root)
    {
        foreach (var (name, value) in root.Members())
        {
            if (value.Element.ValueKind is JsonValueKind.True or JsonValueKind.False) _flags[name] = value.Flag();
        }

        Class = WithoutFast(root.Find("tokenizer_class")?.Text());
        ReadRoles(root);
        _listsAddedTokens = root.Find("added_tokens_decoder") is not null;
        foreach (var (name, value) in root.Find("added_tokens_decoder")?.Members() ?? [])
        {
            var isId = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id < Models.Vocabulary.MaxTokens;
            if (!isId) throw value.Problem($"\"{name}\" is not the id of a token");
            Added[id] = Token(value, special: value.Find("special")?.Flag() ?? false) with { Id = id };
        }
    }

    private void ReadRoles(JsonPart root)
    {
        foreach (var role in RoleNames)
        {
            if (root.Find(role) is { } value) _roles[role] = RoleToken(value);
            else if (root.Element.TryGetProperty(role, out _)) _roles[role] = null;
        }
    }

    private static AddedToken RoleToken(JsonPart value)
        => value.Element.ValueKind == JsonValueKind.Object ? Token(value, special: true) : AddedToken.Plain(value.Text(), special: true);

    private void ReadAddedTokens(JsonPart root)
    {
        var roles = Roles.Select(role => role.Token.Content).ToHashSet(StringComparer.Ordinal);
        foreach (var (content, value) in root.Members())
        {
            var (id, special) = (value.Number(0, Models.Vocabulary.MaxTokens - 1), roles.Contains(content));
            Added[id] = AddedToken.Plain(content, special) with { Id = id, Normalized = !special };
        }
    }

    private void ReadModelConfig(JsonPart root)
    {
        ModelType = root.Find("model_type")?.Text();
        Class ??= WithoutFast(root.Find("tokenizer_class")?.Text());
    }

    // A role's token is the one that is listed with the same text.
    private void ShareAddedTokens()
    {
        foreach (var token in Added.Values)
        {
            foreach (var (role, named) in Roles.ToList())
            {
                if (named.Content == token.Content) _roles[role] = token;
            }
        }
    }

    private static AddedToken Token(JsonPart part, bool special) => new(
        -1,
        part["content"].Text(),
        part.Find("single_word")?.Flag() ?? false,
        part.Find("lstrip")?.Flag() ?? false,
        part.Find("rstrip")?.Flag() ?? false,
        part.Find("normalized")?.Flag() ?? !special,
        special);

    private static string? WithoutFast(string? name) => name?.EndsWith("Fast", StringComparison.Ordinal) is true ? name[..^4] : name;
}

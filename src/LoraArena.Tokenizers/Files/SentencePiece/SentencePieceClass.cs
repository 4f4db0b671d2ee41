using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>
/// A tokenizer class of Transformers as it builds itself from a SentencePiece model (5.24): the parts of the tokenizer.json that it
/// would write.
/// </summary>
internal abstract class SentencePieceClass
{
    /// <summary>The mark that stands for a space.</summary>
    protected const string Mark = "\u2581";

    /// <summary>The class that stands for every other.</summary>
    public static SentencePieceClass Other { get; } = new AnySentencePieceClass();

    /// <summary>By name, without the ending Fast.</summary>
    private static Dictionary<string, SentencePieceClass> ByName { get; } = new(StringComparer.Ordinal)
    {
        ["DebertaV2Tokenizer"] = new DebertaV2SentencePiece(),
        ["GemmaTokenizer"] = new GemmaSentencePiece(),
        ["LlamaTokenizer"] = new LlamaSentencePiece(),
        ["XLMRobertaTokenizer"] = new XlmRobertaSentencePiece(),
        ["TokenizersBackend"] = Other,
        ["PreTrainedTokenizer"] = Other,
    };

    /// <summary>By model type. A folder may name another class, but not where Transformers takes the one for any.</summary>
    private static Dictionary<string, string> ByModelType { get; } = new(StringComparer.Ordinal)
    {
        ["deberta-v2"] = "DebertaV2Tokenizer",
        ["gemma"] = "GemmaTokenizer",
        ["gemma2"] = "GemmaTokenizer",
        ["mistral"] = "TokenizersBackend",
        ["xlm-roberta"] = "XLMRobertaTokenizer",
    };

    /// <summary>Names of the file, the usual one first.</summary>
    public static IReadOnlyList<string> FileNames { get; } = ["tokenizer.model", "spm.model", "sentencepiece.bpe.model", "spiece.model"];

    /// <summary>True where the class has a Unigram model, false for BPE; null for whatever the file holds.</summary>
    public abstract bool? IsUnigram { get; }

    /// <summary>The class of a folder.</summary>
    /// <exception cref="TokenizerException">It is one that is not known here.</exception>
    public static SentencePieceClass Of(string path, SentencePieceSettings settings)
    {
        var registered = settings.ModelType is { } type ? ByModelType.GetValueOrDefault(type) : null;
        var name = registered is "TokenizersBackend" ? registered : settings.Class ?? registered ?? "TokenizersBackend";
        return ByName.GetValueOrDefault(name) ?? throw new TokenizerException(
            path,
            "tokenizer_class",
            $"a SentencePiece model for the class \"{name}\" is not supported; supported are "
            + $"{string.Join(", ", ByName.Keys.Order(StringComparer.Ordinal))}. "
            + "Load the folder with Transformers' AutoTokenizer and save it again: that writes a tokenizer.json");
    }

    /// <summary>Gives roles their tokens where the folder says nothing about them.</summary>
    public abstract void AddDefaults(SentencePieceModel model, SentencePieceSettings settings);

    /// <summary>The tokens by their ids, with their scores.</summary>
    public virtual IReadOnlyList<ScoredToken> Vocabulary(SentencePieceModel model, SentencePieceSettings settings)
        => [.. model.Pieces.Select(piece => new ScoredToken(piece.Text, piece.Score))];

    /// <summary>The pieces that are cut out of a text before all else.</summary>
    public virtual IEnumerable<SentencePiecePiece> AddedPieces(SentencePieceModel model)
        => model.Pieces.Where(piece => piece.Type is SentencePiecePiece.Control or SentencePiecePiece.UserDefined);

    /// <summary>Whether tokens that are added are looked for in the normalised text; null where they say so themselves.</summary>
    public virtual bool? AddedAreNormalized(SentencePieceModel model) => null;

    /// <summary>Fields of the model's part beside the vocabulary.</summary>
    public abstract JsonObject Model(SentencePieceModel model, SentencePieceSettings settings, IReadOnlyList<ScoredToken> vocabulary);

    /// <summary>The merges of a BPE model in order of their ranks.</summary>
    public virtual IEnumerable<(string Left, string Right)> Merges(SentencePieceModel model, IReadOnlyList<ScoredToken> vocabulary)
        => PieceMerges.ByPlace(model.Path, [.. vocabulary.Select(token => token.Text)]);

    /// <summary>The normalizer.</summary>
    public virtual JsonNode? Normalizer(SentencePieceModel model, SentencePieceSettings settings) => null;

    /// <summary>The pre-tokenizer.</summary>
    public abstract JsonNode? PreTokenizer(SentencePieceModel model, SentencePieceSettings settings);

    /// <summary>The decoder.</summary>
    public abstract JsonNode Decoder(SentencePieceModel model, SentencePieceSettings settings);

    /// <summary>The roles of the tokens before and after a text.</summary>
    public virtual (string? Before, string? After) Surroundings(SentencePieceSettings settings)
        => (settings.Flag("add_bos_token") is true ? "bos_token" : null, settings.Flag("add_eos_token") is true ? "eos_token" : null);

    /// <summary>A component without fields.</summary>
    protected static JsonObject Typed(string type) => new() { ["type"] = type };

    /// <summary>A component that is several.</summary>
    protected static JsonObject Sequence(string field, params JsonNode?[] parts)
        => new() { ["type"] = "Sequence", [field] = new JsonArray([.. parts.Where(part => part is not null)]) };

    /// <summary>A replacement.</summary>
    protected static JsonObject Replace(string kind, string pattern, string content)
        => new() { ["type"] = "Replace", ["pattern"] = new JsonObject { [kind] = pattern }, ["content"] = content };

    /// <summary>The pre-tokenizer or decoder of marks.</summary>
    protected static JsonObject Metaspace(string scheme, bool split = true)
        => new() { ["type"] = "Metaspace", ["replacement"] = Mark, ["prepend_scheme"] = scheme, ["split"] = split };

    /// <summary>The table of replacements; null where the model has none.</summary>
    protected static JsonObject? Precompiled(SentencePieceModel model)
    {
        if (model.Charsmap.Length == 0) return null;
        return new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = Convert.ToBase64String(model.Charsmap) };
    }

    /// <summary>A pre-tokenizer that cuts at matches of a pattern.</summary>
    protected static JsonObject Split(string kind, string pattern, string behavior)
        => new() { ["type"] = "Split", ["pattern"] = new JsonObject { [kind] = pattern }, ["behavior"] = behavior, ["invert"] = false };

    /// <summary>Marks to spaces, bytes to text; and one space less at the beginning where a text got one.</summary>
    protected static JsonObject MarksAndBytes(bool bytes, bool stripsPrefix)
    {
        var fuses = bytes || stripsPrefix;
        var strip = stripsPrefix ? new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 } : null;
        var fallback = bytes ? Typed("ByteFallback") : null;
        return Sequence("decoders", Replace("String", Mark, " "), fallback, fuses ? Typed("Fuse") : null, strip);
    }

    /// <summary>Fields of a BPE model.</summary>
    protected static JsonObject BytePair(string? unknown, bool byteFallback, bool ignoreMerges = false) => new()
    {
        ["type"] = "BPE",
        ["unk_token"] = unknown,
        ["fuse_unk"] = true,
        ["byte_fallback"] = byteFallback,
        ["ignore_merges"] = ignoreMerges,
    };

    /// <summary>Fields of a Unigram model.</summary>
    protected static JsonObject Unigram(int unknownId, bool byteFallback = false)
        => new() { ["type"] = "Unigram", ["unk_id"] = unknownId, ["byte_fallback"] = byteFallback };
}

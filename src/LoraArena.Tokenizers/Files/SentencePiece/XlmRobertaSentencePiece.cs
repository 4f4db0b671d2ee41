using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>XLM-RoBERTa's: Unigram on words, its special tokens in fairseq's places.</summary>
internal sealed class XlmRobertaSentencePiece : SentencePieceClass
{
    // Of the model's own pieces the first three make room for four.
    private const int Replaced = 3;
    private const int Unknown = 3;

    /// <inheritdoc/>
    public override bool? IsUnigram => true;

    /// <inheritdoc/>
    public override void AddDefaults(SentencePieceModel model, SentencePieceSettings settings)
    {
        settings.AddDefault("bos_token", "<s>");
        settings.AddDefault("eos_token", "</s>");
        settings.AddDefault("unk_token", "<unk>");
        settings.AddDefault("sep_token", "</s>");
        settings.AddDefault("pad_token", "<pad>");
        settings.AddDefault("cls_token", "<s>");
        settings.AddDefault("mask_token", "<mask>");
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ScoredToken> Vocabulary(SentencePieceModel model, SentencePieceSettings settings) =>
    [
        .. new[] { "bos_token", "pad_token", "eos_token", "unk_token" }.Select(role => new ScoredToken(Token(model, settings, role), 0)),
        .. base.Vocabulary(model, settings).Skip(Replaced),
        new ScoredToken(Token(model, settings, "mask_token"), 0),
    ];

    /// <inheritdoc/>
    public override JsonObject Model(SentencePieceModel model, SentencePieceSettings settings, IReadOnlyList<ScoredToken> vocabulary)
        => Unigram(Unknown);

    /// <inheritdoc/>
    public override JsonNode? Normalizer(SentencePieceModel model, SentencePieceSettings settings) => Precompiled(model);

    /// <inheritdoc/>
    public override JsonNode PreTokenizer(SentencePieceModel model, SentencePieceSettings settings)
        => Sequence("pretokenizers", Typed("WhitespaceSplit"), Metaspace(Scheme(settings)));

    /// <inheritdoc/>
    public override JsonNode Decoder(SentencePieceModel model, SentencePieceSettings settings) => Metaspace(Scheme(settings));

    /// <inheritdoc/>
    public override (string? Before, string? After) Surroundings(SentencePieceSettings settings) => ("bos_token", "eos_token");

    private static string Token(SentencePieceModel model, SentencePieceSettings settings, string role)
        => settings.Role(role) ?? throw new TokenizerException(model.Path, role, "the vocabulary needs it, and the files beside it set it to null");

    private static string Scheme(SentencePieceSettings settings) => settings.Flag("add_prefix_space") is false ? "never" : "always";
}

using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>Gemma's: BPE on whole texts.</summary>
internal sealed class GemmaSentencePiece : SentencePieceClass
{
    /// <inheritdoc/>
    public override bool? IsUnigram => false;

    /// <inheritdoc/>
    public override void AddDefaults(SentencePieceModel model, SentencePieceSettings settings)
    {
        settings.AddDefault("unk_token", "<unk>");
        settings.AddDefault("bos_token", "<bos>");
        settings.AddDefault("eos_token", "<eos>");
        settings.AddDefault("pad_token", "<pad>");
        settings.AddDefault("mask_token", "<mask>");
    }

    /// <inheritdoc/>
    public override JsonObject Model(SentencePieceModel model, SentencePieceSettings settings, IReadOnlyList<ScoredToken> vocabulary)
        => BytePair(settings.Role("unk_token"), byteFallback: true);

    /// <inheritdoc/>
    public override JsonNode Normalizer(SentencePieceModel model, SentencePieceSettings settings) => Replace("String", " ", Mark);

    /// <inheritdoc/>
    public override JsonNode PreTokenizer(SentencePieceModel model, SentencePieceSettings settings)
        => Split("String", " ", "MergedWithPrevious");

    /// <inheritdoc/>
    public override JsonNode Decoder(SentencePieceModel model, SentencePieceSettings settings)
        => MarksAndBytes(bytes: true, stripsPrefix: false);
}

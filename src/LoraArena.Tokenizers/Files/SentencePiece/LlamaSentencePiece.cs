using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>Llama's: BPE on whole texts, with a mark in front.</summary>
internal sealed class LlamaSentencePiece : SentencePieceClass
{
    /// <inheritdoc/>
    public override bool? IsUnigram => false;

    /// <inheritdoc/>
    public override void AddDefaults(SentencePieceModel model, SentencePieceSettings settings)
    {
        settings.AddDefault("unk_token", "<unk>");
        settings.AddDefault("bos_token", "<s>");
        settings.AddDefault("eos_token", "</s>");
    }

    /// <inheritdoc/>
    public override JsonObject Model(SentencePieceModel model, SentencePieceSettings settings, IReadOnlyList<ScoredToken> vocabulary)
        => BytePair(null, byteFallback: true);

    /// <inheritdoc/>
    public override JsonNode PreTokenizer(SentencePieceModel model, SentencePieceSettings settings)
        => Metaspace(!AddsPrefix(settings) ? "never" : settings.Flag("legacy") is true ? "always" : "first", split: false);

    /// <inheritdoc/>
    public override JsonNode Decoder(SentencePieceModel model, SentencePieceSettings settings)
        => MarksAndBytes(bytes: true, AddsPrefix(settings));

    private static bool AddsPrefix(SentencePieceSettings settings) => settings.Flag("add_prefix_space") ?? true;
}

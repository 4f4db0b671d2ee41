using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>DeBERTa-v2's and v3's: Unigram on words. The model's own table of replacements has no part in it.</summary>
internal sealed class DebertaV2SentencePiece : SentencePieceClass
{
    /// <inheritdoc/>
    public override bool? IsUnigram => true;

    /// <inheritdoc/>
    public override void AddDefaults(SentencePieceModel model, SentencePieceSettings settings)
    {
        settings.AddDefault("bos_token", "[CLS]");
        settings.AddDefault("eos_token", "[SEP]");
        settings.AddDefault("unk_token", "[UNK]");
        settings.AddDefault("sep_token", "[SEP]");
        settings.AddDefault("pad_token", "[PAD]");
        settings.AddDefault("cls_token", "[CLS]");
        settings.AddDefault("mask_token", "[MASK]");
    }

    /// <inheritdoc/>
    public override JsonObject Model(SentencePieceModel model, SentencePieceSettings settings, IReadOnlyList<ScoredToken> vocabulary)
    {
        var unknown = new ScoredToken(settings.Role("unk_token") ?? "", 0);
        return Unigram(Enumerable.Range(0, vocabulary.Count).FirstOrDefault(id => vocabulary[id] == unknown, model.UnknownId));
    }

    /// <inheritdoc/>
    public override JsonNode Normalizer(SentencePieceModel model, SentencePieceSettings settings) => Sequence(
        "normalizers",
        settings.Flag("do_lower_case") is true ? Typed("Lowercase") : null,
        Replace("Regex", @"\s{2,}|[\n\r\t]", " "),
        Typed("NFC"),
        new JsonObject { ["type"] = "Strip", ["strip_left"] = false, ["strip_right"] = true });

    /// <inheritdoc/>
    public override JsonNode PreTokenizer(SentencePieceModel model, SentencePieceSettings settings) => Sequence(
        "pretokenizers",
        settings.Flag("split_by_punct") is true ? new JsonObject { ["type"] = "Punctuation", ["behavior"] = "Isolated" } : null,
        Metaspace(Scheme(settings)));

    /// <inheritdoc/>
    public override JsonNode Decoder(SentencePieceModel model, SentencePieceSettings settings) => Metaspace(Scheme(settings));

    /// <inheritdoc/>
    public override (string? Before, string? After) Surroundings(SentencePieceSettings settings) => ("cls_token", "sep_token");

    private static string Scheme(SentencePieceSettings settings) => settings.Flag("add_prefix_space") is false ? "first" : "always";
}

using System.Text;
using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>
/// A model that no class is known for (Transformers' TokenizersBackend): what the file says about normalising and merging holds.
/// </summary>
internal sealed class AnySentencePieceClass : SentencePieceClass
{
    /// <inheritdoc/>
    public override bool? IsUnigram => null;

    /// <inheritdoc/>
    public override void AddDefaults(SentencePieceModel model, SentencePieceSettings settings)
    {
        settings.AddDefault("bos_token", model.Bos);
        settings.AddDefault("eos_token", model.Eos);
        settings.AddDefault("unk_token", model.UnknownId >= 0 ? model.Unknown : null);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ScoredToken> Vocabulary(SentencePieceModel model, SentencePieceSettings settings)
    {
        var vocabulary = base.Vocabulary(model, settings);
        if (model.IsUnigram || settings.Added.Count == 0) return vocabulary;

        // Placeholders of a BPE vocabulary get the names that the folder gives their ids, but for a name that another piece keeps.
        var others = vocabulary.Where((_, id) => !settings.Added.ContainsKey(id));
        var kept = others.Select(token => token.Text).ToHashSet(StringComparer.Ordinal);
        return [.. vocabulary.Select((token, id) => Renamed(id) is { } name ? token with { Text = name } : token)];

        string? Renamed(int id) => settings.Added.TryGetValue(id, out var added) && !kept.Contains(added.Content) ? added.Content : null;
    }

    /// <inheritdoc/>
    public override IEnumerable<SentencePiecePiece> AddedPieces(SentencePieceModel model)
        => model.Pieces.Where(piece => piece.Type == SentencePiecePiece.Control);

    /// <inheritdoc/>
    public override bool? AddedAreNormalized(SentencePieceModel model) => model.AddsPrefix ? false : null;

    /// <inheritdoc/>
    public override JsonObject Model(SentencePieceModel model, SentencePieceSettings settings, IReadOnlyList<ScoredToken> vocabulary)
    {
        if (model.IsUnigram) return Unigram(model.UnknownId, model.ByteFallback);
        return BytePair(model.Unknown, model.ByteFallback, UserDefined(model, vocabulary).Any());
    }

    /// <inheritdoc/>
    public override IEnumerable<(string Left, string Right)> Merges(SentencePieceModel model, IReadOnlyList<ScoredToken> vocabulary)
        => PieceMerges.ByScore(model.Path, [.. vocabulary.Where((_, id) => model.Pieces[id].Type == SentencePiecePiece.Normal)]);

    /// <inheritdoc/>
    public override JsonNode Normalizer(SentencePieceModel model, SentencePieceSettings settings) => Sequence(
        "normalizers",
        Precompiled(model),
        model.RemovesExtraSpaces ? Replace("Regex", @"\A +| +\z", "") : null,
        model.RemovesExtraSpaces ? Replace("Regex", " {2,}", " ") : null,
        model.EscapesSpaces ? Replace("String", " ", Mark) : null,
        model.AddsPrefix && IsLegacy(settings) ? Replace("Regex", @"\A" + Mark, Mark + Mark) : null);

    /// <inheritdoc/>
    public override JsonNode? PreTokenizer(SentencePieceModel model, SentencePieceSettings settings)
    {
        var prefix = model.AddsPrefix ? Metaspace(IsLegacy(settings) ? "always" : "first", split: false) : null;
        string[] whole = [.. UserDefined(model, Vocabulary(model, settings)).OrderByDescending(text => text.EnumerateRunes().Count())];
        var split = whole.Length == 0 ? null : Split("Regex", string.Join('|', whole.Select(Escape)), "Isolated");
        return prefix is null && split is null ? null : Sequence("pretokenizers", prefix, split);
    }

    /// <inheritdoc/>
    public override JsonNode Decoder(SentencePieceModel model, SentencePieceSettings settings)
        => MarksAndBytes(model.ByteFallback, model.AddsPrefix);

    private static IEnumerable<string> UserDefined(SentencePieceModel model, IReadOnlyList<ScoredToken> vocabulary)
        => vocabulary.Where((_, id) => model.Pieces[id].Type == SentencePiecePiece.UserDefined).Select(token => token.Text);

    private static bool IsLegacy(SentencePieceSettings settings) => settings.Flag("legacy") ?? true;

    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text) escaped.Append(char.IsAsciiLetterOrDigit(c) || c == '_' || !char.IsAscii(c) ? "" : @"\").Append(c);
        return escaped.ToString();
    }
}

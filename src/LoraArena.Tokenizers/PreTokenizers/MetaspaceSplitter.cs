using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>SentencePiece's splitting: spaces become a visible sign, and each word begins with one.</summary>
/// <param name="replacement">The sign.</param>
/// <param name="scheme">Which parts get one in front.</param>
/// <param name="splits">False where the text stays in one piece.</param>
internal sealed class MetaspaceSplitter(char replacement, PrependScheme scheme, bool splits) : PieceSplitter
{
    private readonly LiteralPattern _sign = new(replacement.ToString());

    /// <summary>Reads the pre-tokenizer's part of a tokenizer.json.</summary>
    public static MetaspaceSplitter Read(JsonPart part)
        => new(PrependSchemes.ReadReplacement(part), PrependSchemes.Read(part), part.Find("split")?.Flag() ?? true);

    /// <inheritdoc/>
    public override bool NeedsPlaces => scheme == PrependScheme.First;

    /// <inheritdoc/>
    public override void Split(PiecedText text)
    {
        text.ReplaceSpaces(replacement, scheme);
        if (splits) text.CutBefore(_sign);
    }
}

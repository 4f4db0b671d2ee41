using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>Pre-tokenizers one after the other: each cuts what the one before it left.</summary>
/// <param name="splitters">In order.</param>
internal sealed class SplitterSequence(PieceSplitter[] splitters) : PieceSplitter
{
    /// <summary>Reads the pre-tokenizer's part of a tokenizer.json.</summary>
    public static SplitterSequence Read(JsonPart part)
    {
        var parts = part["pretokenizers"].Items().ToList();
        var splitters = parts.ConvertAll(SplitterCatalog.Read);
        for (var i = 0; i < splitters.Count - 1; i++)
        {
            if (SplitterCatalog.WorksOnBytes(splitters[i])) throw parts[i].Problem("ByteLevel is supported only as the last pre-tokenizer");
        }

        return new SplitterSequence([.. splitters]);
    }

    /// <summary>The last of them.</summary>
    public PieceSplitter? Last => splitters.Length > 0 ? splitters[^1] : null;

    /// <inheritdoc/>
    public override bool NeedsPlaces => splitters.Any(splitter => splitter.NeedsPlaces);

    /// <inheritdoc/>
    public override void Split(PiecedText text)
    {
        foreach (var splitter in splitters) splitter.Split(text);
    }
}

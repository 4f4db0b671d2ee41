using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Decoders;

/// <summary>The decoders by the type names of tokenizer.json.</summary>
internal static class DecoderCatalog
{
    private static readonly Dictionary<string, Func<JsonPart, TokenDecoder>> Readers = new(StringComparer.Ordinal)
    {
        ["BPEDecoder"] = WordEndDecoder.Read,
        ["ByteFallback"] = _ => new ByteFallbackDecoder(),
        ["ByteLevel"] = _ => new ByteLevelDecoder(),
        ["Fuse"] = _ => new FuseDecoder(),
        ["Metaspace"] = MetaspaceDecoder.Read,
        ["Replace"] = ReplaceDecoder.Read,
        ["Sequence"] = part => new DecoderSequence([.. part["decoders"].Items().Select(decoder => Read(decoder))]),
        ["Strip"] = StripDecoder.Read,
        ["WordPiece"] = WordPieceDecoder.Read,
    };

    /// <summary>Reads a decoder; the one for files without one where there is none.</summary>
    /// <exception cref="TokenizerException">The type is not known.</exception>
    public static TokenDecoder Read(JsonPart? part) => part is { } decoder ? decoder.ReadByType("decoder", Readers) : new SpaceJoinedDecoder();
}

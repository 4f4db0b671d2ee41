using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>The pre-tokenizers by the type names of tokenizer.json.</summary>
internal static class SplitterCatalog
{
    private static readonly Dictionary<string, Func<JsonPart, PieceSplitter>> Readers = new(StringComparer.Ordinal)
    {
        ["BertPreTokenizer"] = _ => new BertPreTokenizer(),
        ["ByteLevel"] = ByteLevelSplitter.Read,
        ["CharDelimiterSplit"] = PatternSplitter.ReadDelimiter,
        ["Digits"] = PatternSplitter.ReadDigits,
        ["FixedLength"] = part => new PatternSplitter(new FixedLengthPattern(part["length"].Number(1, int.MaxValue)), SplitBehavior.Isolated),
        ["Metaspace"] = MetaspaceSplitter.Read,
        ["Punctuation"] = PatternSplitter.ReadPunctuation,
        ["Sequence"] = SplitterSequence.Read,
        ["Split"] = PatternSplitter.ReadSplit,
        ["Whitespace"] = _ => PatternSplitter.Words,
        ["WhitespaceSplit"] = _ => PatternSplitter.Spaces,
    };

    /// <summary>Reads a pre-tokenizer.</summary>
    /// <exception cref="TokenizerException">The type is not known or a field is missing.</exception>
    public static PieceSplitter Read(JsonPart part) => part.ReadByType("pre-tokenizer", Readers);

    /// <summary>True where the model behind a pre-tokenizer sees bytes instead of characters.</summary>
    public static bool WorksOnBytes(PieceSplitter? splitter)
        => splitter is ByteLevelSplitter || (splitter is SplitterSequence sequence && WorksOnBytes(sequence.Last));
}

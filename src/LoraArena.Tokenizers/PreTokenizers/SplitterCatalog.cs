using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>The pre-tokenizers by the type names of tokenizer.json.</summary>
internal static class SplitterCatalog
{
    private static readonly Dictionary<string, Func<JsonPart, PieceSplitter>> Readers = new(StringComparer.Ordinal)
    {
        ["BertPreTokenizer"] = _ => new BertPreTokenizer(),
        ["ByteLevel"] = ByteLevelSplitter.Read,
        ["Digits"] = PatternSplitter.ReadDigits,
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
    public static bool WorksOnBytes(PieceSplitter? splitter) => splitter is ByteLevelSplitter || (splitter is SplitterSequence sequence && WorksOnBytes(sequence.Last));
}

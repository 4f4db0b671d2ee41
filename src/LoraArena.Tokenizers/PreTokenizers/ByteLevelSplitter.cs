using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>
/// The ByteLevel pre-tokenizer without its change of alphabet: the model of such a file works on the bytes themselves, so only the splitting is left.
/// </summary>
/// <param name="addPrefixSpace">Put a space before a text that does not begin with one.</param>
/// <param name="splits">Split as GPT-2 does.</param>
internal sealed class ByteLevelSplitter(bool addPrefixSpace, bool splits) : PieceSplitter
{
    private static readonly Gpt2Pattern Gpt2 = new();

    /// <summary>Reads the pre-tokenizer's part of a tokenizer.json.</summary>
    public static ByteLevelSplitter Read(JsonPart part) => new(part["add_prefix_space"].Flag(), part.Find("use_regex")?.Flag() ?? true);

    /// <inheritdoc/>
    public override void Split(PiecedText text)
    {
        if (addPrefixSpace) text.PrefixEachWithSpace();
        if (splits) text.SplitEach(Gpt2, SplitBehavior.Isolated, invert: false);
    }
}

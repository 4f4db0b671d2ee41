using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>Cuts where a pattern matches: the Split, Digits, Punctuation, Whitespace and WhitespaceSplit pre-tokenizers.</summary>
/// <param name="pattern">The pattern.</param>
/// <param name="behavior">What becomes of its matches.</param>
/// <param name="invert">True where what lies between the matches counts as the match.</param>
internal sealed class PatternSplitter(TextPattern pattern, SplitBehavior behavior, bool invert = false) : PieceSplitter
{
    /// <summary>Reads a Split.</summary>
    public static PatternSplitter ReadSplit(JsonPart part)
        => new(PatternCatalog.Read(part["pattern"]), SplitBehaviors.Read(part["behavior"]), part["invert"].Flag());

    /// <summary>Reads a Digits.</summary>
    public static PatternSplitter ReadDigits(JsonPart part)
        => new(new TraitPattern(CharacterTraits.RustNumeric), part["individual_digits"].Flag() ? SplitBehavior.Isolated : SplitBehavior.Contiguous);

    /// <summary>Reads a Punctuation.</summary>
    public static PatternSplitter ReadPunctuation(JsonPart part)
        => new(new TraitPattern(CharacterTraits.Punctuation), part.Find("behavior") is { } behavior ? SplitBehaviors.Read(behavior) : SplitBehavior.Isolated);

    /// <summary>Reads a CharDelimiterSplit: cuts at one character, which vanishes.</summary>
    public static PatternSplitter ReadDelimiter(JsonPart part)
    {
        var delimiter = part["delimiter"].Character();
        return new PatternSplitter(new LiteralPattern(char.ConvertFromUtf32(delimiter)), SplitBehavior.Removed);
    }

    /// <summary>Whitespace: runs of word characters and runs of symbols, white space removed.</summary>
    public static PatternSplitter Words { get; } = new(new WordPattern(), SplitBehavior.Removed, invert: true);

    /// <summary>WhitespaceSplit: what stands between white space.</summary>
    public static PatternSplitter Spaces { get; } = new(new TraitPattern(CharacterTraits.Space), SplitBehavior.Removed);

    /// <inheritdoc/>
    public override void Split(PiecedText text) => text.SplitEach(pattern, behavior, invert);
}

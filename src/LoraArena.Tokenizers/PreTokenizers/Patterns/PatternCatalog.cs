using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>Patterns of tokenizer.json: scanners for the known regular expressions, found by their exact text, and .NET's engine for the others.</summary>
internal static class PatternCatalog
{
    private static readonly Dictionary<string, TextPattern> Scanners = new(StringComparer.Ordinal)
    {
        [Gpt2Pattern.Source] = new Gpt2Pattern(),
        [Cl100kPattern.Llama3Source] = new Cl100kPattern(digits: 3),
        [Cl100kPattern.Qwen2Source] = new Cl100kPattern(digits: 1),
        [O200kPattern.Source] = new O200kPattern(),
    };

    /// <summary>Reads <c>{"String": …}</c> or <c>{"Regex": …}</c>.</summary>
    /// <exception cref="TokenizerException">It is neither, or the expression uses something that .NET does not read as Hugging Face does.</exception>
    public static TextPattern Read(JsonPart part)
    {
        if (part.Find("String") is { } literal)
        {
            return literal.Text().Length > 0 ? new LiteralPattern(literal.Text()) : throw literal.Wanted("a text that is not empty");
        }

        if (part.Find("Regex") is not { } regex) throw part.Wanted("an object with the field String or Regex");
        return Scanners.TryGetValue(regex.Text(), out var scanner) ? scanner : new RegexPattern(regex);
    }
}

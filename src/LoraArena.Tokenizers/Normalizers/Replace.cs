using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>Puts a text in the place of everything that a pattern matches; it stands for the last character of the match.</summary>
/// <param name="pattern">The pattern.</param>
/// <param name="content">The text.</param>
internal sealed class Replace(TextPattern pattern, string content) : AlignedNormalizer
{
    /// <summary>Reads the normalizer's part of a tokenizer.json.</summary>
    public static Replace Read(JsonPart part) => new(PatternCatalog.Read(part["pattern"]), part["content"].Text());

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var matches = new List<TextSpan>();
        var length = text.Chars.Length;
        pattern.FindMatches(text.Chars, matches);
        if (matches.Count == 0) return;
        var kept = 0;
        text.BeginRewrite();
        foreach (var match in matches)
        {
            text.Keep(kept, match.Start - kept);
            text.Write(content, match.End - 1);
            kept = match.End;
        }

        text.Keep(kept, length - kept);
        text.EndRewrite();
    }
}

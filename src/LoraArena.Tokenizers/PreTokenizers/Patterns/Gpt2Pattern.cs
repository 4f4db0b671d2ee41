using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>GPT-2's pattern (Radford et al. 2019): contractions, words, numbers and runs of symbols with the space before them, white space.</summary>
internal sealed class Gpt2Pattern : TextPattern
{
    /// <summary>The pattern as files write it.</summary>
    public const string Source = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (var i = 0; i < text.Length;)
        {
            var end = EndOf(text, i);
            matches.Add(new TextSpan(i, end - i));
            i = end;
        }
    }

    private static int EndOf(ReadOnlySpan<char> text, int start)
    {
        var contraction = Contraction.LengthAt(text, start, ignoreCase: false);
        if (contraction > 0) return start + contraction;
        var first = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        var kind = Runs.KindAt(text, first);
        return kind == CharacterTraits.Space ? Runs.EndOfSpaces(text, start) : Runs.End(text, first, kind);
    }
}

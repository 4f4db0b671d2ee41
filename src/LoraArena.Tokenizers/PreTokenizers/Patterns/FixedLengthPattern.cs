using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>Matches so many characters at a time, at the end what is left.</summary>
/// <param name="length">Characters of a match.</param>
internal sealed class FixedLengthPattern(int length) : TextPattern
{
    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = start;
            for (var count = 0; count < length && end < text.Length; count++)
            {
                Characters.At(text, end, out var units);
                end += units;
            }

            matches.Add(new TextSpan(start, end - start));
            start = end;
        }
    }
}

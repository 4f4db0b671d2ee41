namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>Matches a text.</summary>
/// <param name="literal">The text; not empty.</param>
internal sealed class LiteralPattern(string literal) : TextPattern
{
    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (int at = 0, next; (next = text[at..].IndexOf(literal, StringComparison.Ordinal)) >= 0; at += next + literal.Length)
        {
            matches.Add(new TextSpan(at + next, literal.Length));
        }
    }
}

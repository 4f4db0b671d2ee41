using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>Matches every single character that has a trait.</summary>
/// <param name="traits">The trait, or several.</param>
internal sealed class TraitPattern(CharacterTraits traits) : TextPattern
{
    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (int i = 0, units; i < text.Length; i += units)
        {
            if (Characters.Is(Characters.At(text, i, out units), traits)) matches.Add(new TextSpan(i, units));
        }
    }
}

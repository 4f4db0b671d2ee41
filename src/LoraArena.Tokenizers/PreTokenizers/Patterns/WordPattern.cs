using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary><c>\w+|[^\w\s]+</c> as Rust's regex crate reads it.</summary>
internal sealed class WordPattern : TextPattern
{
    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (var i = 0; i < text.Length;)
        {
            var start = i;
            var kind = KindAt(text, i, out var units);
            for (i += units; i < text.Length && KindAt(text, i, out units) == kind; i += units) { }
            if (kind != CharacterTraits.Space) matches.Add(new TextSpan(start, i - start));
        }
    }

    private static CharacterTraits KindAt(ReadOnlySpan<char> text, int index, out int units)
        => Characters.TraitsOf(Characters.At(text, index, out units)) & (CharacterTraits.RustWord | CharacterTraits.Space);
}

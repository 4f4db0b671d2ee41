using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>Runs of letters (<c>\p{L}</c>), numbers (<c>\p{N}</c>), white space (<c>\s</c>) and symbols (all else), which the scanners are made of.</summary>
internal static class Runs
{
    /// <summary>The kind of everything that is no letter, number or white space.</summary>
    public const CharacterTraits Symbol = CharacterTraits.None;

    private const CharacterTraits Mask = CharacterTraits.Letter | CharacterTraits.Number | CharacterTraits.Space;

    /// <summary>Letter, Number, Space or <see cref="Symbol"/>.</summary>
    public static CharacterTraits KindAt(ReadOnlySpan<char> text, int index) => KindAt(text, index, out _);

    /// <summary>Letter, Number, Space or <see cref="Symbol"/>, and the length of the character.</summary>
    public static CharacterTraits KindAt(ReadOnlySpan<char> text, int index, out int units)
        => Characters.TraitsOf(Characters.At(text, index, out units)) & Mask;

    /// <summary>Where a run of one kind that begins at <paramref name="start"/> ends, after <paramref name="max"/> characters at the latest.</summary>
    public static int End(ReadOnlySpan<char> text, int start, CharacterTraits kind, int max = int.MaxValue)
    {
        var end = start;
        for (; max > 0 && end < text.Length && KindAt(text, end, out var units) == kind; max--) end += units;
        return end;
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: of white space before something else the last character is left to it, unless it is the only one.</summary>
    public static int EndOfSpaces(ReadOnlySpan<char> text, int start)
    {
        // All white space lies in the 16-bit plane: the last character is the last unit.
        var end = End(text, start, CharacterTraits.Space);
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }
}

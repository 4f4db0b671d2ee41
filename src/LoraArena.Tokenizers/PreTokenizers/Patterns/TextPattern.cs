namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>A part of a text.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="Length">Its UTF-16 units.</param>
internal readonly record struct TextSpan(int Start, int Length)
{
    /// <summary>Where it ends.</summary>
    public int End => Start + Length;
}

/// <summary>Something that matches parts of a text. Immutable.</summary>
internal abstract class TextPattern
{
    /// <summary>Adds every match, in order and without overlap.</summary>
    /// <param name="text">The text, without unpaired surrogates.</param>
    /// <param name="matches">Where the matches go.</param>
    /// <exception cref="TokenizerException">The pattern needs too long on this text.</exception>
    public abstract void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches);
}

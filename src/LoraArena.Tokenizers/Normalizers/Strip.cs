using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>Removes white space at the ends.</summary>
/// <param name="left">At the beginning.</param>
/// <param name="right">At the end.</param>
internal sealed class Strip(bool left, bool right) : AlignedNormalizer
{
    /// <summary>Reads the normalizer's part of a tokenizer.json.</summary>
    public static Strip Read(JsonPart part) => new(part["strip_left"].Flag(), part["strip_right"].Flag());

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        // All white space lies in the 16-bit plane.
        var chars = text.Chars;
        var (start, end) = (0, chars.Length);
        while (left && start < end && Characters.Is(chars[start], CharacterTraits.Space)) start++;
        while (right && end > start && Characters.Is(chars[end - 1], CharacterTraits.Space)) end--;
        if (end - start == chars.Length) return;
        text.BeginRewrite();
        text.Keep(start, end - start);
        text.EndRewrite();
    }
}

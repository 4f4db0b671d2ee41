using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>The StripAccents normalizer: removes combining marks. It does not decompose: files put NFD before it.</summary>
internal sealed class RemoveMarks : AlignedNormalizer
{
    /// <inheritdoc/>
    public override void Apply(AlignedText text) => Apply(text, CharacterTraits.CombiningMark);

    /// <summary>Removes every character with the trait.</summary>
    public static void Apply(AlignedText text, CharacterTraits mark)
    {
        var chars = text.Chars;
        text.BeginRewrite();
        for (int i = 0, units; i < chars.Length; i += units)
        {
            if (!Characters.Is(Characters.At(chars, i, out units), mark)) text.Keep(i, units);
        }

        text.EndRewrite();
    }
}

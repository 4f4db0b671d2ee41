using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>Lower-cases each code point by itself, without context and culture: no final sigma, and U+0130 becomes two characters.</summary>
internal sealed class Lowercase : AlignedNormalizer
{
    private const int DottedCapitalI = 0x130;
    private const char DotAbove = '\u0307';

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        text.BeginRewrite();
        for (int i = 0, units; i < chars.Length; i += units)
        {
            var c = chars[i];
            if (c < 0x80)
            {
                text.Write(char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c, i);
                units = 1;
                continue;
            }

            var codePoint = Characters.At(chars, i, out units);
            text.Write(Characters.Is(codePoint, CharacterTraits.HasLowercase) ? Characters.Lowercase(codePoint) : codePoint, i);
            if (codePoint == DottedCapitalI) text.Write(DotAbove, i);
        }

        text.EndRewrite();
    }
}

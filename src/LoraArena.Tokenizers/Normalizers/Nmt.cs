using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>The Nmt normalizer of SentencePiece: some control characters vanish, others and what looks like white space become spaces.</summary>
internal sealed class Nmt : AlignedNormalizer
{
    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        text.BeginRewrite();
        for (int i = 0, units; i < chars.Length; i += units)
        {
            var codePoint = Characters.At(chars, i, out units);
            if (Vanishes(codePoint)) continue;
            if (IsSpace(codePoint)) text.Write(' ', i);
            else text.Keep(i, units);
        }

        text.EndRewrite();
    }

    private static bool Vanishes(int codePoint) => codePoint is (>= 0x01 and <= 0x08) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F;

    private static bool IsSpace(int codePoint)
        => codePoint is 0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD;
}

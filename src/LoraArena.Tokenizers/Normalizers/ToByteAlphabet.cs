using System.Text;
using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>The ByteLevel normalizer: every character becomes the letters of its bytes, which all stand for it.</summary>
internal sealed class ToByteAlphabet : AlignedNormalizer
{
    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        Span<byte> bytes = stackalloc byte[4];
        text.BeginRewrite();
        for (int i = 0, units; i < chars.Length; i += units)
        {
            Characters.At(chars, i, out units);
            var length = Encoding.UTF8.GetBytes(chars.Slice(i, units), bytes);
            foreach (var b in bytes[..length]) text.Write(ByteAlphabet.CharOf(b), i);
        }

        text.EndRewrite();
    }
}

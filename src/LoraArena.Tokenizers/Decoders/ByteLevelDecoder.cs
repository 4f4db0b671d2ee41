using System.Text;
using LoraArena.Tokenizers.Models;

namespace LoraArena.Tokenizers.Decoders;

/// <summary>Turns the characters of byte-level tokens back into bytes and those into text; what is not UTF-8 becomes U+FFFD.</summary>
internal sealed class ByteLevelDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            var before = bytes.Count;
            foreach (var c in token)
            {
                if (ByteAlphabet.TryByteOf(c, out var b))
                {
                    bytes.Add(b);
                    continue;
                }

                // A token that is not of the alphabet, such as an added one, is plain text as a whole.
                bytes.RemoveRange(before, bytes.Count - before);
                bytes.AddRange(Encoding.UTF8.GetBytes(token));
                break;
            }
        }

        return [Encoding.UTF8.GetString([.. bytes])];
    }
}

using System.Text;
using System.Text.Unicode;
using LoraArena.Tokenizers.Models;

namespace LoraArena.Tokenizers.Decoders;

/// <summary>ByteFallback: a run of byte tokens becomes the text of its bytes, or, where they are not UTF-8 together, U+FFFD for each.</summary>
internal sealed class ByteFallbackDecoder : TokenDecoder
{
    private const string Replacement = "\uFFFD";

    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens)
    {
        var output = new List<string>(tokens.Count);
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (ByteTokens.TryByteOf(token, out var b))
            {
                bytes.Add(b);
                continue;
            }

            Flush(bytes, output);
            output.Add(token);
        }

        Flush(bytes, output);
        return output;
    }

    private static void Flush(List<byte> bytes, List<string> output)
    {
        byte[] run = [.. bytes];
        if (run.Length == 0) return;
        if (Utf8.IsValid(run)) output.Add(Encoding.UTF8.GetString(run));
        else output.AddRange(Enumerable.Repeat(Replacement, run.Length));
        bytes.Clear();
    }
}

using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PostProcessors;

/// <summary>The ByteLevel post-processor with trim_offsets: the white space that a token begins and ends with does not count as its place.</summary>
/// <param name="prefixSpaceWasAdded">True where the pre-tokenizer may have put a space before the text: that one is not in the original.</param>
internal sealed class TrimOffsets(bool prefixSpaceWasAdded) : PostProcessor
{
    private static readonly char Space = ByteAlphabet.CharOf((byte)' ');

    /// <summary>Reads a ByteLevel.</summary>
    public static PostProcessor ReadByteLevel(JsonPart part)
        => part["trim_offsets"].Flag() ? new TrimOffsets(part["add_prefix_space"].Flag()) : new PostProcessorSequence([]);

    /// <inheritdoc/>
    public override void Trim(int index, ReadOnlySpan<char> token, ReadOnlySpan<char> original, ref int start, ref int end)
    {
        var (leading, trailing) = (0, 0);
        while (leading < token.Length && IsSpace(token[leading])) leading++;
        while (trailing < token.Length && IsSpace(token[^(trailing + 1)])) trailing++;
        if (leading == 1 && prefixSpaceWasAdded && (index == 0 || start == 0)) leading = 0;

        // As many characters of the original as the token has spaces, whatever those characters are.
        for (; leading > 0 && start < end; leading--) start += char.IsHighSurrogate(original[start]) ? 2 : 1;
        for (; trailing > 0 && end > start; trailing--) end -= char.IsLowSurrogate(original[end - 1]) ? 2 : 1;
    }

    private static bool IsSpace(char c) => c == Space || Characters.Is(c, CharacterTraits.Space);
}

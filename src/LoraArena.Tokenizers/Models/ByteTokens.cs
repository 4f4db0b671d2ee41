using System.Globalization;
using System.Text;

namespace LoraArena.Tokenizers.Models;

/// <summary>The tokens that stand for single bytes, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>, of a vocabulary with byte fallback.</summary>
internal sealed class ByteTokens
{
    private const int Missing = -1;

    private readonly int[] _ids;

    /// <summary>Looks the tokens up; a vocabulary may lack some.</summary>
    public ByteTokens(Vocabulary vocabulary) => _ids = [.. Enumerable.Range(0, 256).Select(b => vocabulary.IdOf(NameOf((byte)b)) ?? Missing)];

    /// <summary>Name of a byte's token.</summary>
    public static string NameOf(byte b) => string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>");

    /// <summary>True for the name of a byte's token.</summary>
    public static bool IsName(ReadOnlySpan<char> token) => TryByteOf(token, out _);

    /// <summary>The byte of a token's name, in digits of either case, or false.</summary>
    public static bool TryByteOf(ReadOnlySpan<char> token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4])
            && byte.TryParse(token[3..5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>The ids of a text's bytes, or null where the vocabulary lacks one.</summary>
    public int[]? IdsOf(ReadOnlySpan<char> text)
    {
        var ids = new int[Encoding.UTF8.GetByteCount(text)];
        Span<byte> bytes = stackalloc byte[4];
        var count = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var length = rune.EncodeToUtf8(bytes);
            foreach (var b in bytes[..length])
            {
                if (_ids[b] == Missing) return null;
                ids[count++] = _ids[b];
            }
        }

        return ids;
    }

    /// <summary>Appends the tokens of a symbol's bytes, a byte each, or nothing where the vocabulary lacks one.</summary>
    public bool TryAdd(ReadOnlySpan<char> symbol, int start, int end, MergingWord symbols)
    {
        if (IdsOf(symbol) is not { } ids) return false;
        for (var i = 0; i < ids.Length; i++) symbols.Add(ids[i], Math.Min(start + i, end - 1), Math.Min(start + i + 1, end), flushes: false);
        return true;
    }
}

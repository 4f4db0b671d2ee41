using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers;

/// <summary>Finds the character of a word to which a byte of its UTF-8 belongs. Bytes are asked for in rising order.</summary>
internal ref struct Utf8Places(ReadOnlySpan<char> word)
{
    private readonly ReadOnlySpan<char> _word = word;
    private int _char;
    private int _byte;

    /// <summary>Bytes of a code point's UTF-8.</summary>
    public static int BytesOf(int codePoint) => codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;

    /// <summary>Index of the first unit of the character to which a byte belongs.</summary>
    public int CharAt(int target)
    {
        while (true)
        {
            var codePoint = Characters.At(_word, _char, out var units);
            var next = _byte + BytesOf(codePoint);
            if (target < next) return _char;
            _byte = next;
            _char += units;
        }
    }
}

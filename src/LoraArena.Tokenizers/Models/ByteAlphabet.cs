namespace LoraArena.Tokenizers.Models;

/// <summary>
/// The alphabet of byte-level vocabularies (Radford et al. 2019): every byte has a printable character of its own, so that vocabularies are text files.
/// Printable Latin-1 stands for itself, the other bytes for the characters from U+0100 on.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Chars = Build();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(b => Chars[b], b => (byte)b);

    /// <summary>The character of a byte.</summary>
    public static char CharOf(byte b) => Chars[b];

    /// <summary>The byte of a character, or false.</summary>
    public static bool TryByteOf(char c, out byte b) => Bytes.TryGetValue(c, out b);

    private static char[] Build()
    {
        var chars = new char[256];
        var next = 0x100;
        for (var b = 0; b < 256; b++)
        {
            var printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            chars[b] = (char)(printable ? b : next++);
        }

        return chars;
    }
}

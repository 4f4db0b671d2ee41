using System.Collections.Frozen;
using System.Globalization;

namespace LoraArena.Tokenizers.Unicode;

/// <summary>
/// Properties of code points as Hugging Face tokenizers sees them. They come from tables of its own answers, not from .NET's or ICU's Unicode version,
/// so a text has the same tokens on every host.
/// </summary>
internal static class Characters
{
    private const int CodePoints = 0x110000;

    private static readonly byte[] KindOf = ReadRuns();
    private static readonly int[] Kinds = UnicodeTables.Kinds.ToArray();
    private static readonly FrozenDictionary<int, int> Lowercases = ReadLowercase();

    /// <summary>Everything known about a code point.</summary>
    public static CharacterTraits TraitsOf(int codePoint) => (CharacterTraits)(Kinds[KindOf[codePoint]] & 0xFFFF);

    /// <summary>True where a code point has one of the traits.</summary>
    public static bool Is(int codePoint, CharacterTraits traits) => (Kinds[KindOf[codePoint]] & (int)traits) != 0;

    /// <summary>Canonical combining class: 0 for all but the marks that normalisation sorts.</summary>
    public static int CombiningClass(int codePoint) => (Kinds[KindOf[codePoint]] >> 16) & 0xFF;

    /// <summary>General category.</summary>
    public static UnicodeCategory CategoryOf(int codePoint) => (UnicodeCategory)(Kinds[KindOf[codePoint]] >> 24);

    /// <summary>Lowercase of a code point, one to one. U+0130 alone has two characters; its caller writes the second.</summary>
    public static int Lowercase(int codePoint) => Lowercases.GetValueOrDefault(codePoint, codePoint);

    /// <summary>What BertNormalizer takes for a Chinese character and puts between spaces.</summary>
    public static bool IsCjk(int codePoint) => codePoint is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF)
        or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    /// <summary>The code point at a place of a text without unpaired surrogates, and its length in UTF-16 units.</summary>
    public static int At(ReadOnlySpan<char> text, int index, out int units)
    {
        var first = text[index];
        if (!char.IsHighSurrogate(first))
        {
            units = 1;
            return first;
        }

        units = 2;
        return char.ConvertToUtf32(first, text[index + 1]);
    }

    /// <summary>The code point that ends before a place of a text without unpaired surrogates.</summary>
    public static int Before(ReadOnlySpan<char> text, int index)
        => char.IsLowSurrogate(text[index - 1]) ? char.ConvertToUtf32(text[index - 2], text[index - 1]) : text[index - 1];

    private static byte[] ReadRuns()
    {
        var kinds = new byte[CodePoints];
        var packed = Convert.FromBase64String(UnicodeTables.Runs);
        var (at, codePoint) = (0, 0);
        while (at < packed.Length)
        {
            var length = ReadNumber(packed, ref at);
            kinds.AsSpan(codePoint, length).Fill(packed[at++]);
            codePoint += length;
        }

        return kinds;
    }

    private static FrozenDictionary<int, int> ReadLowercase()
    {
        var map = new Dictionary<int, int> { [0x130] = 'i' };
        var packed = Convert.FromBase64String(UnicodeTables.Lowercase);
        var (at, first) = (0, 0);
        while (at < packed.Length)
        {
            first += ReadNumber(packed, ref at);
            var count = ReadNumber(packed, ref at);
            var step = ReadNumber(packed, ref at);
            var zigzag = ReadNumber(packed, ref at);
            var distance = (zigzag & 1) == 0 ? zigzag >> 1 : -((zigzag + 1) >> 1);
            for (var i = 0; i < count; i++) map.Add(first + (i * step), first + (i * step) + distance);
        }

        return map.ToFrozenDictionary();
    }

    private static int ReadNumber(byte[] packed, ref int at)
    {
        var (value, shift) = (0, 0);
        while (packed[at] >= 0x80)
        {
            value |= (packed[at++] & 0x7F) << shift;
            shift += 7;
        }

        return value | (packed[at++] << shift);
    }
}

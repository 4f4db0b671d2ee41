using System.Text;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>BERT's normalizer: clean, put Chinese characters between spaces, strip accents, lower-case, in this order.</summary>
/// <param name="cleanText">Remove control characters, make every white space a space.</param>
/// <param name="handleChineseCharacters">Put spaces round Chinese characters.</param>
/// <param name="stripAccents">Decompose and remove non-spacing marks.</param>
/// <param name="lowercase">Lower-case.</param>
internal sealed class BertNormalizer(bool cleanText, bool handleChineseCharacters, bool stripAccents, bool lowercase) : AlignedNormalizer
{
    private static readonly Decompose Nfd = new(compatible: false);
    private static readonly Lowercase Lower = new();

    /// <summary>Reads the normalizer's part of a tokenizer.json.</summary>
    public static BertNormalizer Read(JsonPart part)
    {
        var lowercase = part["lowercase"].Flag();
        return new BertNormalizer(part["clean_text"].Flag(), part["handle_chinese_chars"].Flag(), part.Find("strip_accents")?.Flag() ?? lowercase, lowercase);
    }

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        // Most texts are ASCII: one pass does for them what four do for the rest.
        if (cleanText && lowercase && Ascii.IsValid(text.Chars))
        {
            CleanAndLowerAscii(text);
            return;
        }

        if (cleanText) Clean(text);
        if (handleChineseCharacters && text.Chars.IndexOfAnyExceptInRange('\0', '\u33FF') >= 0) SpaceChinese(text);
        if (stripAccents)
        {
            Nfd.Apply(text);
            RemoveMarks.Apply(text, CharacterTraits.NonspacingMark);
        }

        if (lowercase) Lower.Apply(text);
    }

    private static void CleanAndLowerAscii(AlignedText text)
    {
        var chars = text.Chars;
        text.BeginRewrite();
        for (var i = 0; i < chars.Length; i++)
        {
            var c = chars[i];
            if (c is (>= ' ' and < '\x7F') or '\t' or '\n' or '\r') text.Write(c < ' ' ? ' ' : char.ToLowerInvariant(c), i);
        }

        text.EndRewrite();
    }

    private static void Clean(AlignedText text)
    {
        var chars = text.Chars;
        text.BeginRewrite();
        for (int i = 0, units; i < chars.Length; i += units)
        {
            var codePoint = Characters.At(chars, i, out units);
            var traits = Characters.TraitsOf(codePoint);
            if ((traits & CharacterTraits.BertControl) != 0) continue;
            text.Write((traits & CharacterTraits.Space) != 0 ? ' ' : codePoint, i);
        }

        text.EndRewrite();
    }

    private static void SpaceChinese(AlignedText text)
    {
        var chars = text.Chars;
        text.BeginRewrite();
        for (int i = 0, units; i < chars.Length; i += units)
        {
            var codePoint = Characters.At(chars, i, out units);
            var chinese = Characters.IsCjk(codePoint);
            if (chinese) text.Write(' ', i);
            text.Write(codePoint, i);
            if (chinese) text.Write(' ', i);
        }

        text.EndRewrite();
    }
}

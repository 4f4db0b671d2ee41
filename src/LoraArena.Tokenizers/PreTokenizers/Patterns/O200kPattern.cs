using System.Globalization;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>
/// The pattern of o200k (GPT-4o, gpt-oss, Phi-4 mini): words that end where small letters are followed by a capital, with one character
/// before and a contraction
/// behind them, up to three digits, runs of symbols with the line ends and slashes after them, white space up to the last line end, other white space.
/// </summary>
internal sealed class O200kPattern : TextPattern
{
    /// <summary>The pattern as files write it.</summary>
    public const string Source =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const int LongestNumber = 3;
    private const int None = -1;

    /// <summary>What a character may be in a word.</summary>
    private enum Case
    {
        /// <summary>No part of a word.</summary>
        Outside,

        /// <summary>Only in the first half: Lu, Lt.</summary>
        Upper,

        /// <summary>Only in the second half: Ll.</summary>
        Lower,

        /// <summary>In either: Lm, Lo, M.</summary>
        Both,
    }

    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        for (var i = 0; i < text.Length;)
        {
            var end = EndOf(text, i);
            matches.Add(new TextSpan(i, end - i));
            i = end;
        }
    }

    private static int EndOf(ReadOnlySpan<char> text, int start)
    {
        var kind = Runs.KindAt(text, start, out var units);
        if (kind == CharacterTraits.Number) return Runs.End(text, start, kind, LongestNumber);
        var word = EndOfWord(text, start, kind, start + units);
        if (word != None)
        {
            var contraction = word < text.Length ? Contraction.LengthAt(text, word, ignoreCase: true) : 0;
            return word + contraction;
        }

        var second = start + units;
        var symbols = kind == Runs.Symbol ? start : text[start] == ' ' && second < text.Length && Runs.KindAt(text, second) == Runs.Symbol ? second : None;
        if (symbols != None)
        {
            var end = Runs.End(text, symbols, Runs.Symbol);
            while (end < text.Length && text[end] is '\r' or '\n' or '/') end++;
            return end;
        }

        var spaces = Runs.End(text, start, CharacterTraits.Space);
        var lineEnd = text[start..spaces].LastIndexOfAny('\r', '\n');
        return lineEnd >= 0 ? start + lineEnd + 1 : Runs.EndOfSpaces(text, start);
    }

    // The two alternatives for words, each first with the character before the word and then without.
    private static int EndOfWord(ReadOnlySpan<char> text, int start, CharacterTraits kind, int second)
    {
        var prefixed = kind != CharacterTraits.Letter && text[start] is not ('\r' or '\n');
        var end = prefixed ? EndWithSmallLetters(text, second) : None;
        if (end == None) end = EndWithSmallLetters(text, start);
        if (end == None && prefixed) end = EndOfCapitals(text, second);
        return end == None ? EndOfCapitals(text, start) : end;
    }

    // U*L+ with U and L that overlap: the run of U gives characters back until L has one.
    private static int EndWithSmallLetters(ReadOnlySpan<char> text, int start)
    {
        var (at, afterLastOfBoth) = (start, None);
        for (int units; at < text.Length; at += units)
        {
            var found = CaseAt(text, at, out units);
            if (found == Case.Lower)
            {
                while (at < text.Length && CaseAt(text, at, out units) is Case.Lower or Case.Both) at += units;
                return at;
            }

            if (found == Case.Outside) break;
            if (found == Case.Both) afterLastOfBoth = at + units;
        }

        return afterLastOfBoth;
    }

    // U+L*, where no small letter follows: the first alternative would have taken it.
    private static int EndOfCapitals(ReadOnlySpan<char> text, int start)
    {
        var at = start;
        while (at < text.Length && CaseAt(text, at, out var units) is Case.Upper or Case.Both) at += units;
        return at > start ? at : None;
    }

    private static Case CaseAt(ReadOnlySpan<char> text, int index, out int units)
    {
        var c = text[index];
        if (c < 0x80)
        {
            units = 1;
            return char.IsAsciiLetterLower(c) ? Case.Lower : char.IsAsciiLetterUpper(c) ? Case.Upper : Case.Outside;
        }

        return Characters.CategoryOf(Characters.At(text, index, out units)) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Case.Upper,
            UnicodeCategory.LowercaseLetter => Case.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Case.Both,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Case.Both,
            _ => Case.Outside,
        };
    }
}

using System.Buffers;
using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.PreTokenizers;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.AddedTokens;

/// <summary>Finds added tokens in a text: of overlapping ones the leftmost, of those the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly TokenTrie _trie = new();
    private readonly SearchValues<char> _firstChars;
    private readonly Dictionary<int, AddedToken> _tokens = [];

    /// <summary>Takes in the tokens to look for and, beside each, the form it has in the text.</summary>
    public AddedTokenFinder(IReadOnlyCollection<(AddedToken Token, string Form)> tokens)
    {
        foreach (var (token, form) in tokens)
        {
            _trie.Add(form, token.Id);
            _tokens[token.Id] = token;
        }

        _firstChars = SearchValues.Create([.. tokens.Select(entry => entry.Form[0]).Distinct()]);
    }

    /// <summary>Cuts a text into added tokens and what lies between them.</summary>
    public void Cut(ReadOnlySpan<char> text, List<Piece> output)
    {
        var textStart = 0;
        for (int from = 0, next; (next = text[from..].IndexOfAny(_firstChars)) >= 0;)
        {
            var start = from + next;
            var (length, id) = _trie.Longest(text[start..]);
            from = start + Math.Max(length, 1);
            if (length == 0) continue;
            var end = from;
            var token = _tokens[id];
            if (token.SingleWord && TouchesWord(text, start, end)) continue;
            if (token.StripsLeft) start = Math.Max(BeginningOfSpaces(text, start), textStart);
            if (token.StripsRight) end = EndOfSpaces(text, end);
            if (textStart < start) output.Add(new Piece(textStart, start - textStart, Piece.NoToken));
            output.Add(new Piece(start, end - start, id));
            textStart = end;
        }

        if (textStart < text.Length) output.Add(new Piece(textStart, text.Length - textStart, Piece.NoToken));
    }

    private static bool TouchesWord(ReadOnlySpan<char> text, int start, int end)
        => (start > 0 && Characters.Is(Characters.Before(text, start), CharacterTraits.RustWord))
            || (end < text.Length && Characters.Is(Characters.At(text, end, out _), CharacterTraits.RustWord));

    // All white space lies in the 16-bit plane.
    private static int BeginningOfSpaces(ReadOnlySpan<char> text, int end)
    {
        while (end > 0 && Characters.Is(text[end - 1], CharacterTraits.Space)) end--;
        return end;
    }

    private static int EndOfSpaces(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && Characters.Is(text[start], CharacterTraits.Space)) start++;
        return start;
    }
}

using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>A normalised text and the pieces that it is cut into so far. One is reused for many texts of one thread.</summary>
internal sealed class PiecedText
{
    private readonly List<TextSpan> _matches = [];
    private List<Piece> _next = [];

    /// <summary>The text.</summary>
    public AlignedText Text { get; } = new();

    /// <summary>The pieces, in order; none is empty.</summary>
    public List<Piece> Pieces { get; private set; } = [];

    /// <summary>The characters of a piece.</summary>
    public ReadOnlySpan<char> CharsOf(Piece piece) => Text.Chars.Slice(piece.Start, piece.Length);

    /// <summary>Begins anew with the whole text as one piece.</summary>
    public void StartWhole()
    {
        Pieces.Clear();
        if (!Text.Chars.IsEmpty) Pieces.Add(new Piece(0, Text.Chars.Length, Piece.NoToken));
    }

    /// <summary>Cuts every piece of plain text where a pattern matches.</summary>
    public void SplitEach(TextPattern pattern, SplitBehavior behavior, bool invert)
    {
        _next.Clear();
        foreach (var piece in Pieces)
        {
            if (piece.TokenId != Piece.NoToken)
            {
                _next.Add(piece);
                continue;
            }

            _matches.Clear();
            pattern.FindMatches(CharsOf(piece), _matches);
            SplitBehaviors.Cut(piece, _matches, behavior, invert, _next);
        }

        (Pieces, _next) = (_next, Pieces);
    }

    /// <summary>Cuts every piece of plain text in front of each match of a pattern.</summary>
    public void CutBefore(TextPattern pattern)
    {
        _next.Clear();
        foreach (var piece in Pieces)
        {
            _matches.Clear();
            if (piece.TokenId == Piece.NoToken) pattern.FindMatches(CharsOf(piece), _matches);
            var from = 0;
            foreach (var match in _matches)
            {
                if (match.Start > from) _next.Add(new Piece(piece.Start + from, match.Start - from, Piece.NoToken));
                from = match.Start;
            }

            _next.Add(piece with { Start = piece.Start + from, Length = piece.Length - from });
        }

        (Pieces, _next) = (_next, Pieces);
    }

    /// <summary>
    /// Makes every space of the pieces of plain text a <paramref name="meta"/> and puts one before a piece that does not begin with one; that one stands for
    /// the first character.
    /// </summary>
    /// <param name="meta">What stands for a space.</param>
    /// <param name="scheme">Which pieces get one in front.</param>
    public void ReplaceSpaces(char meta, PrependScheme scheme)
    {
        _next.Clear();
        Text.BeginRewrite();
        foreach (var piece in Pieces)
        {
            var start = Text.Written;
            var chars = CharsOf(piece);
            if (piece.TokenId != Piece.NoToken)
            {
                Text.Keep(piece.Start, piece.Length);
            }
            else
            {
                var bare = chars[0] != meta && chars[0] != ' ';
                if (bare && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && Text.StartOf(piece.Start) == 0)))
                {
                    Text.Write(meta, piece.Start);
                }

                for (int from = 0, next; from < chars.Length; from = next + 1)
                {
                    next = chars[from..].IndexOf(' ');
                    next = next < 0 ? chars.Length : from + next;
                    Text.Keep(piece.Start + from, next - from);
                    if (next < chars.Length) Text.Write(meta, piece.Start + next);
                }
            }

            _next.Add(new Piece(start, Text.Written - start, piece.TokenId));
        }

        Text.EndRewrite();
        (Pieces, _next) = (_next, Pieces);
    }

    /// <summary>Puts a space before every piece of plain text that does not begin with one; it stands for the first character.</summary>
    public void PrefixEachWithSpace()
    {
        _next.Clear();
        Text.BeginRewrite();
        foreach (var piece in Pieces)
        {
            var start = Text.Written;
            if (piece.TokenId == Piece.NoToken && Text.Chars[piece.Start] != ' ') Text.Write(' ', piece.Start);
            Text.Keep(piece.Start, piece.Length);
            _next.Add(new Piece(start, Text.Written - start, piece.TokenId));
        }

        Text.EndRewrite();
        (Pieces, _next) = (_next, Pieces);
    }
}

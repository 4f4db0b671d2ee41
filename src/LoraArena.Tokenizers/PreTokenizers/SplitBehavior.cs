using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>What becomes of the matches of a pattern that cuts a text.</summary>
internal enum SplitBehavior
{
    /// <summary>They vanish.</summary>
    Removed,

    /// <summary>Each is a piece.</summary>
    Isolated,

    /// <summary>Each joins the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>Each joins the piece after it.</summary>
    MergedWithNext,

    /// <summary>Neighbouring ones are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts pieces at matches.</summary>
internal static class SplitBehaviors
{
    /// <summary>Reads the name of a behaviour.</summary>
    public static SplitBehavior Read(JsonPart part)
    {
        var names = Enum.GetNames<SplitBehavior>();
        return names.Contains(part.Text()) ? Enum.Parse<SplitBehavior>(part.Text()) : throw part.Wanted(string.Join(", ", names));
    }

    /// <summary>Cuts a piece and adds the parts, empty ones left out.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="matches">Matches in it, in order, relative to its beginning.</param>
    /// <param name="behavior">What becomes of the matches.</param>
    /// <param name="invert">True where what lies between the matches counts as the match.</param>
    /// <param name="output">Where the parts go.</param>
    public static void Cut(Piece piece, List<TextSpan> matches, SplitBehavior behavior, bool invert, List<Piece> output)
    {
        if (behavior is SplitBehavior.Isolated or SplitBehavior.Removed)
        {
            // The common case needs no look at neighbours.
            var (keepsMatches, keepsRest) = behavior == SplitBehavior.Isolated ? (true, true) : (invert, !invert);
            var at = 0;
            foreach (var match in matches)
            {
                if (keepsRest) Add(piece, at, match.Start, output);
                if (keepsMatches) Add(piece, match.Start, match.End, output);
                at = match.End;
            }

            if (keepsRest) Add(piece, at, piece.Length, output);
            return;
        }

        foreach (var (start, end) in Merge(Alternate(matches, piece.Length, invert), behavior)) Add(piece, start, end, output);
    }

    private static void Add(Piece piece, int start, int end, List<Piece> output)
    {
        if (end > start) output.Add(new Piece(piece.Start + start, end - start, Piece.NoToken));
    }

    private static List<(int Start, int End, bool IsMatch)> Alternate(List<TextSpan> matches, int length, bool invert)
    {
        var parts = new List<(int Start, int End, bool IsMatch)>();
        var at = 0;
        foreach (var match in matches)
        {
            if (at < match.Start) parts.Add((at, match.Start, invert));
            parts.Add((match.Start, match.End, !invert));
            at = match.End;
        }

        if (at < length) parts.Add((at, length, invert));
        return parts;
    }

    private static List<(int Start, int End)> Merge(List<(int Start, int End, bool IsMatch)> parts, SplitBehavior behavior)
    {
        var merged = new List<(int Start, int End)>();
        var previousIsMatch = false;
        var backwards = behavior == SplitBehavior.MergedWithNext;
        if (backwards) parts.Reverse();
        foreach (var (start, end, isMatch) in parts)
        {
            // Of several matches in a row only the first joins its neighbour, as in Hugging Face.
            var joins = behavior == SplitBehavior.Contiguous ? isMatch == previousIsMatch : isMatch && !previousIsMatch;
            if (joins && merged.Count > 0) merged[^1] = backwards ? (start, merged[^1].End) : (merged[^1].Start, end);
            else merged.Add((start, end));
            previousIsMatch = isMatch;
        }

        if (backwards) merged.Reverse();
        return merged;
    }
}

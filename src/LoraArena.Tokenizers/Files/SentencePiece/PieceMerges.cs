namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>
/// The merges of a BPE vocabulary, which SentencePiece files leave out: each way to cut a token into two that are tokens too.
/// </summary>
internal static class PieceMerges
{
    // A file of a few long tokens would keep a processor for minutes: real ones need a hundredth of it.
    private const long MaxCharactersLookedAt = 1L << 32;

    /// <summary>In order of the tokens' ids, and of a token's cuts the first ones first.</summary>
    /// <param name="path">The file, for complaints.</param>
    /// <param name="tokens">The tokens.</param>
    /// <exception cref="TokenizerException">The tokens are so long that it would take minutes.</exception>
    public static List<(string Left, string Right)> ByPlace(string path, IReadOnlyList<string> tokens)
    {
        var looked = 0L;
        var known = tokens.ToHashSet(StringComparer.Ordinal);
        var lookup = known.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(string Left, string Right)>();
        foreach (var token in tokens)
        {
            looked += (long)token.Length * token.Length;
            if (looked > MaxCharactersLookedAt) throw TooLong(path);
            for (var cut = 1; cut < token.Length; cut++)
            {
                if (char.IsLowSurrogate(token[cut]) || !lookup.TryGetValue(token.AsSpan(0, cut), out var left)) continue;
                if (lookup.TryGetValue(token.AsSpan(cut), out var right)) merges.Add((left, right));
            }
        }

        return merges;
    }

    /// <summary>In order of the tokens' scores, the highest first, and of equal ones of their ids.</summary>
    /// <param name="path">The file, for complaints.</param>
    /// <param name="tokens">The tokens with their scores.</param>
    /// <exception cref="TokenizerException">The tokens are so long that it would take minutes.</exception>
    public static List<(string Left, string Right)> ByScore(string path, IReadOnlyList<ScoredToken> tokens)
        => ByPlace(path, [.. tokens.OrderByDescending(token => token.Score).Select(token => token.Text)]);

    private static TokenizerException TooLong(string path) => new(path, "pieces", "they are too long for the merges of a BPE model");
}

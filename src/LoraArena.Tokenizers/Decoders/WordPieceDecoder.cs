using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Decoders;

/// <summary>Joins the pieces of words, puts spaces between words and, where asked, takes the spaces before punctuation and English contractions away.</summary>
/// <param name="prefix">What a piece that goes on a word begins with.</param>
/// <param name="cleansUp">Take spaces away.</param>
internal sealed class WordPieceDecoder(string prefix, bool cleansUp) : TokenDecoder
{
    // In this order, each on the result of the one before it.
    private static readonly (string From, string To)[] Cleanups =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    /// <summary>Reads the decoder's part of a tokenizer.json.</summary>
    public static WordPieceDecoder Read(JsonPart part) => new(part["prefix"].Text(), part["cleanup"].Flag());

    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (i > 0) token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            if (cleansUp)
            {
                foreach (var (from, to) in Cleanups) token = token.Replace(from, to, StringComparison.Ordinal);
            }

            tokens[i] = token;
        }

        return tokens;
    }
}

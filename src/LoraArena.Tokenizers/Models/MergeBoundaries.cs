using System.Text.Json;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.Models;

/// <summary>
/// Where a text can be cut without changing its tokens although the file does not cut it: in front of a <c>▁</c> that no merge joins to what stands before it.
/// Files of the SentencePiece kind (Llama 2, Gemma) give whole texts to the model; in words the same merges are found much faster, and most
/// words are met again.
/// </summary>
/// <param name="joined">Characters that some merge joins to a <c>▁</c> after them.</param>
internal sealed class MergeBoundaries(HashSet<char> joined) : TextPattern
{
    private const char Space = '\u2581';

    /// <summary>Looks through the merges; null where a cut could change something.</summary>
    /// <param name="merges">The file's merges, already found sound.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="unknown">The unknown token, which may stand for any character.</param>
    public static MergeBoundaries? Find(JsonPart merges, Vocabulary vocabulary, string? unknown)
    {
        // A space without a token of its own would be unknown, and unknown characters are fused across it.
        if (vocabulary.IdOf([Space]) is null) return null;
        var joined = new HashSet<char>();
        foreach (var merge in merges.Element.EnumerateArray())
        {
            var (left, right) = merge.ValueKind == JsonValueKind.Array ? (merge[0].GetString()!, merge[1].GetString()!) : Halves(merge.GetString()!);
            if (left.Length == 0 || left[^1] == Space || !right.StartsWith(Space)) continue;
            if (left == unknown || ByteTokens.IsName(left)) return null;
            joined.Add(left[^1]);
        }

        return new MergeBoundaries(joined);
    }

    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        // A run of spaces is one part with the word behind it.
        for (int from = 1, next; from < text.Length && (next = text[from..].IndexOf(Space)) >= 0;)
        {
            var at = from + next;
            if (text[at - 1] != Space && !joined.Contains(text[at - 1])) matches.Add(new TextSpan(at, 1));
            from = at + 1;
        }
    }

    private static (string Left, string Right) Halves(string merge)
    {
        var space = merge.IndexOf(' ', StringComparison.Ordinal);
        return space < 0 ? (merge, "") : (merge[..space], merge[(space + 1)..]);
    }
}

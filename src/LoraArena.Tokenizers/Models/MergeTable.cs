using System.Text.Json;
using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Models;

/// <summary>A merge: which rank it has and which token comes out.</summary>
/// <param name="Rank">Lower goes first.</param>
/// <param name="Id">Id of the token that the two become.</param>
internal readonly record struct Merge(int Rank, int Id);

/// <summary>The merges of a byte-pair encoding by the ids of their two sides.</summary>
internal sealed class MergeTable
{
    private readonly Dictionary<long, Merge> _merges;

    private MergeTable(int capacity) => _merges = new Dictionary<long, Merge>(capacity);

    /// <summary>Reads a list of <c>"a b"</c> or <c>["a", "b"]</c>.</summary>
    /// <param name="part">The list.</param>
    /// <param name="vocabulary">Where both sides and what they become must be.</param>
    /// <param name="prefix">What the right side has in front of it and the merged token has not; may be empty.</param>
    /// <exception cref="TokenizerException">A merge is malformed or names a token that is not in the vocabulary.</exception>
    public static MergeTable Read(JsonPart part, Vocabulary vocabulary, string prefix)
    {
        var table = new MergeTable(part.Element.ValueKind == JsonValueKind.Array ? part.Element.GetArrayLength() : 0);
        var rank = 0;
        foreach (var item in part.Items())
        {
            if (item.Element.ValueKind == JsonValueKind.Array)
            {
                var sides = item.Items().ToArray();
                if (sides.Length != 2) throw Malformed(item);
                table.Add(item, sides[0].Text(), sides[1].Text(), rank++, vocabulary, prefix);
                continue;
            }

            // Old files may keep the first line of merges.txt; it has no rank.
            var text = item.Text();
            if (text.StartsWith("#version", StringComparison.Ordinal)) continue;
            var space = text.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0 || text.LastIndexOf(' ') != space) throw Malformed(item);
            table.Add(item, text.AsSpan(0, space), text.AsSpan(space + 1), rank++, vocabulary, prefix);
        }

        return table;
    }

    /// <summary>The merge of two tokens, or false.</summary>
    public bool TryGet(int left, int right, out Merge merge) => _merges.TryGetValue(Key(left, right), out merge);

    // The same merge twice: the last one counts, as in Hugging Face.
    private void Add(JsonPart item, ReadOnlySpan<char> left, ReadOnlySpan<char> right, int rank, Vocabulary vocabulary, string prefix)
    {
        if (!right.StartsWith(prefix, StringComparison.Ordinal))
        {
            throw item.Problem($"the right side \"{right}\" does not begin with the continuing_subword_prefix \"{prefix}\"");
        }

        _merges[Key(Id(left), Id(right))] = new Merge(rank, Id(string.Concat(left, right[prefix.Length..])));

        int Id(ReadOnlySpan<char> token) => vocabulary.IdOf(token)
            ?? throw item.Problem($"the merge needs the token \"{token}\", which is not in the vocabulary");
    }

    private static TokenizerException Malformed(JsonPart item) => item.Wanted("two tokens: \"a b\" or [\"a\", \"b\"]");

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;
}

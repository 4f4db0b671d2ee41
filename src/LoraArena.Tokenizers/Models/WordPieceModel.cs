using System.Text;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Models;

/// <summary>WordPiece: at each place the longest token that fits; a word with a place where none fits is unknown as a whole.</summary>
internal sealed class WordPieceModel : WordModel
{
    // Bounds the work on a word whatever the vocabulary: a step looks at no more characters than the longest token has.
    private const int LongestToken = 1000;

    private readonly TokenTrie _first = new();
    private readonly TokenTrie _following = new();
    private readonly int _maxCharacters;
    private readonly int _unknown;

    private WordPieceModel(Vocabulary vocabulary, string prefix, int maxCharacters, int unknown) : base(vocabulary)
    {
        (_maxCharacters, _unknown) = (maxCharacters, unknown);
        foreach (var (token, id) in vocabulary.Entries)
        {
            if (token.Length == 0) continue;
            _first.Add(token, id);
            if (token.Length > prefix.Length && token.StartsWith(prefix, StringComparison.Ordinal)) _following.Add(token.AsSpan(prefix.Length), id);
        }
    }

    /// <inheritdoc/>
    public override int? UnknownId => _unknown;

    /// <summary>Reads the model's part of a tokenizer.json.</summary>
    public static WordPieceModel Read(JsonPart part)
    {
        var vocabulary = Vocabulary.Read(part["vocab"]);
        if (vocabulary.Entries.FirstOrDefault(entry => entry.Key.Length > LongestToken) is { Key: { } longest })
        {
            throw part["vocab"].Problem($"a token has {longest.Length} characters; WordPiece tokens of more than {LongestToken} are refused");
        }

        var unknown = part["unk_token"].Text();
        return new WordPieceModel(
            vocabulary,
            part["continuing_subword_prefix"].Text(),
            part["max_input_chars_per_word"].Number(1, int.MaxValue),
            vocabulary.IdOf(unknown) ?? throw part["unk_token"].Problem($"the unknown token \"{unknown}\" is not in the vocabulary"));
    }

    /// <inheritdoc/>
    protected override EncodedWord Encode(ReadOnlySpan<char> word, string key)
    {
        if (word.Length > _maxCharacters && CodePoints(word) > _maxCharacters) return Unknown(word, key);
        var ids = new List<int>();
        var ends = new List<int>();
        var (at, bytes) = (0, 0);
        while (at < word.Length)
        {
            var (length, id) = (at == 0 ? _first : _following).Longest(word[at..]);
            if (length == 0) return Unknown(word, key);
            bytes += Encoding.UTF8.GetByteCount(word.Slice(at, length));
            at += length;
            ids.Add(id);
            ends.Add(bytes);
        }

        int[] starts = [0, .. ends[..^1]];
        return new EncodedWord(key, [.. ids], starts, [.. ends]);
    }

    private EncodedWord Unknown(ReadOnlySpan<char> word, string key) => new(key, [_unknown], [0], [Encoding.UTF8.GetByteCount(word)]);

    private static int CodePoints(ReadOnlySpan<char> word)
    {
        var count = 0;
        for (int i = 0, units; i < word.Length; i += units, count++) Characters.At(word, i, out units);
        return count;
    }
}

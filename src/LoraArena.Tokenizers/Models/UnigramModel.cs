using System.Text;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Models;

/// <summary>
/// Unigram language model (Kudo 2018): of all ways to cut a word into tokens the one with the highest sum of their scores, found by
/// Viterbi. A character that no
/// token is made of alone may be unknown, at ten below the lowest score; neighbouring unknown characters are one.
/// </summary>
internal sealed class UnigramModel : WordModel
{
    private const double UnknownPenalty = 10;

    // Bounds the work on a word whatever the vocabulary: a step looks at no more characters than the longest token has.
    private const int LongestToken = 1000;

    // A long word must not hold its memory for as long as the thread lives.
    private const int KeptCapacity = 1 << 16;

    [ThreadStatic]
    private static Node[]? _nodes;

    private readonly TokenTrie _trie = new();
    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly int _unknown;
    private readonly ByteTokens? _fallback;

    private UnigramModel(Vocabulary vocabulary, double[] scores, int unknown, bool fallsBack) : base(vocabulary)
    {
        (_scores, _unknown) = (scores, unknown);
        _unknownScore = scores.Min() - UnknownPenalty;
        if (fallsBack) _fallback = new ByteTokens(vocabulary);
        foreach (var (token, id) in vocabulary.Entries)
        {
            if (token.Length > 0) _trie.Add(token, id);
        }
    }

    /// <inheritdoc/>
    public override int? UnknownId => _unknown;

    /// <summary>Reads the model's part of a tokenizer.json: <c>vocab</c> is a list of tokens with their scores, in the order of their ids.</summary>
    public static UnigramModel Read(JsonPart part)
    {
        var vocabulary = new Vocabulary();
        var scores = new List<double>();
        foreach (var item in part["vocab"].Items())
        {
            if (item.Items().ToArray() is not [var token, var score]) throw item.Wanted("a token and its score");
            var text = token.Text();
            if (text.Length > LongestToken)
            {
                throw token.Problem($"the token has {text.Length} characters; Unigram tokens of more than {LongestToken} are refused");
            }

            if (scores.Count == Vocabulary.MaxTokens) throw part["vocab"].Problem($"there are more than {Vocabulary.MaxTokens} tokens");
            if (!vocabulary.TryAdd(text, scores.Count, out var problem)) throw item.Problem(problem);
            scores.Add(score.Real());
        }

        if (vocabulary.Count == 0) throw part["vocab"].Problem("the vocabulary is empty");
        return new UnigramModel(vocabulary, [.. scores], part["unk_id"].Number(0, scores.Count - 1), part.Find("byte_fallback")?.Flag() ?? false);
    }

    /// <inheritdoc/>
    protected override EncodedWord Encode(ReadOnlySpan<char> word, string key)
    {
        var nodes = Search(word);

        // The best path backwards; unknown neighbours become one.
        var parts = new List<(int Start, int End)>();
        var lastIsUnknown = false;
        for (var end = word.Length; end > 0;)
        {
            var (start, unknown) = (nodes[end].Start, nodes[end].Id == _unknown);
            if (unknown && lastIsUnknown) parts[^1] = (start, parts[^1].End);
            else parts.Add((start, end));
            lastIsUnknown = unknown;
            end = start;
        }

        parts.Reverse();
        return Tokens(word, key, parts);
    }

    private Node[] Search(ReadOnlySpan<char> word)
    {
        var nodes = _nodes is { } kept && kept.Length > word.Length && kept.Length <= KeptCapacity ? kept : _nodes = new Node[Math.Max(word.Length + 1, 256)];
        for (var i = 1; i <= word.Length; i++) nodes[i].Start = Node.Unreached;
        nodes[0].Score = 0;
        for (int at = 0, units; at < word.Length; at += units)
        {
            Characters.At(word, at, out units);
            var (score, single, state) = (nodes[at].Score, false, TokenTrie.Start);
            for (var i = at; i < word.Length && _trie.TryStep(ref state, word[i], out var id); i++)
            {
                if (id < 0) continue;
                Reach(ref nodes[i + 1], at, id, score + _scores[id]);
                single |= i + 1 - at == units;
            }

            if (!single) Reach(ref nodes[at + units], at, _unknown, score + _unknownScore);
        }

        return nodes;
    }

    private static void Reach(ref Node node, int start, int id, double score)
    {
        if (node.Start == Node.Unreached || score > node.Score) node = new Node { Start = start, Id = id, Score = score };
    }

    // A part is looked up as a text, as in Hugging Face: unknown characters may make a token together.
    private EncodedWord Tokens(ReadOnlySpan<char> word, string key, List<(int Start, int End)> parts)
    {
        List<int> ids = new(parts.Count), starts = new(parts.Count), ends = new(parts.Count);
        var bytes = 0;
        foreach (var (start, end) in parts)
        {
            var text = word[start..end];
            var after = bytes + Encoding.UTF8.GetByteCount(text);
            if (Vocabulary.IdOf(text) is { } id) Add(id, after);
            else if (_fallback?.IdsOf(text) is { } fallback) Array.ForEach(fallback, b => Add(b, after));
            else Add(_unknown, after);
            bytes = after;
        }

        return new EncodedWord(key, [.. ids], [.. starts], [.. ends]);

        void Add(int id, int end)
        {
            ids.Add(id);
            starts.Add(bytes);
            ends.Add(end);
        }
    }

    /// <summary>The best way to a place.</summary>
    private struct Node
    {
        public const int Unreached = -1;

        public int Start;
        public int Id;
        public double Score;
    }
}

using System.Text;
using LoraArena.Tokenizers.Models;

namespace LoraArena.Tokenizers.Trainer;

/// <summary>
/// Learns the merges of a byte-level BPE (Sennrich et al. 2016): over and over the pair that occurs most becomes a token; of equally
/// frequent ones the pair with
/// the smallest ids, as in Hugging Face's BpeTrainer.
/// </summary>
internal sealed class MergeLearner
{
    private readonly List<string> _tokens = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<int[]> _words = [];
    private readonly List<long> _wordCounts = [];
    private readonly Dictionary<Pair, long> _pairCounts = [];
    private readonly PriorityQueue<Candidate, Candidate> _queue = new(Comparer<Candidate>.Create(Candidate.Compare));

    // In the order in which they were learnt; one that is learnt again moves to the end.
    private readonly Dictionary<Pair, int> _ranks = [];

    /// <summary>Takes in words with how often each occurs.</summary>
    /// <param name="specialTokens">They get the first ids.</param>
    /// <param name="wordCounts">The words.</param>
    public MergeLearner(IEnumerable<string> specialTokens, Dictionary<string, long> wordCounts)
    {
        foreach (var token in specialTokens) _ = IdOf(token);
        foreach (var letter in Enumerable.Range(0, 256).Select(b => ByteAlphabet.CharOf((byte)b)).Order()) _ = IdOf(letter.ToString());
        var byteIds = Enumerable.Range(0, 256).Select(b => _ids[ByteAlphabet.CharOf((byte)b).ToString()]).ToArray();
        foreach (var (word, count) in wordCounts)
        {
            _words.Add([.. Encoding.UTF8.GetBytes(word).Select(b => byteIds[b])]);
            _wordCounts.Add(count);
        }
    }

    /// <summary>The tokens by id.</summary>
    public IReadOnlyList<string> Tokens => _tokens;

    /// <summary>The merges by rank.</summary>
    public IEnumerable<(string Left, string Right)> Merges
        => _ranks.OrderBy(merge => merge.Value).Select(merge => (_tokens[merge.Key.Left], _tokens[merge.Key.Right]));

    /// <summary>Learns until there are so many tokens or no pair is left.</summary>
    public void Learn(int vocabularySize, CancellationToken cancellation)
    {
        Enqueue(CountPairs());
        for (var rank = 0; _tokens.Count < vocabularySize && _queue.TryDequeue(out var top, out _);)
        {
            cancellation.ThrowIfCancellationRequested();

            // Counts change while a candidate waits; it goes back with the count of now.
            var count = _pairCounts[top.Pair];
            if (count != top.Count)
            {
                var refreshed = top with { Count = count };
                _queue.Enqueue(refreshed, refreshed);
                continue;
            }

            if (count < 1) break;
            var id = IdOf(_tokens[top.Pair.Left] + _tokens[top.Pair.Right]);
            _ranks[top.Pair] = rank++;
            var found = new Dictionary<Pair, List<int>>();
            foreach (var word in top.Words) MergeIn(word, top.Pair, id, found);
            Enqueue(found);
        }
    }

    private Dictionary<Pair, List<int>> CountPairs()
    {
        var found = new Dictionary<Pair, List<int>>();
        for (var word = 0; word < _words.Count; word++)
        {
            var symbols = _words[word];
            for (var i = 0; i + 1 < symbols.Length; i++) Count(new Pair(symbols[i], symbols[i + 1]), 1, word, found);
        }

        return found;
    }

    private void Count(Pair pair, int change, int word, Dictionary<Pair, List<int>> found)
    {
        _pairCounts[pair] = _pairCounts.GetValueOrDefault(pair) + (change * _wordCounts[word]);
        if (change < 0) return;
        if (!found.TryGetValue(pair, out var words)) found.Add(pair, words = []);
        if (words.Count == 0 || words[^1] != word) words.Add(word);
    }

    private void Enqueue(Dictionary<Pair, List<int>> found)
    {
        foreach (var (pair, words) in found)
        {
            if (_pairCounts[pair] < 1) continue;
            var candidate = new Candidate(pair, _pairCounts[pair], words);
            _queue.Enqueue(candidate, candidate);
        }
    }

    private void MergeIn(int word, Pair pair, int id, Dictionary<Pair, List<int>> found)
    {
        var symbols = _words[word];
        var written = 0;
        for (var i = 0; i < symbols.Length; i++)
        {
            if (symbols[i] != pair.Left || i + 1 >= symbols.Length || symbols[i + 1] != pair.Right)
            {
                symbols[written++] = symbols[i];
                continue;
            }

            if (written > 0)
            {
                Count(new Pair(symbols[written - 1], pair.Left), -1, word, found);
                Count(new Pair(symbols[written - 1], id), 1, word, found);
            }

            if (i + 2 < symbols.Length)
            {
                Count(new Pair(pair.Right, symbols[i + 2]), -1, word, found);
                Count(new Pair(id, symbols[i + 2]), 1, word, found);
            }

            symbols[written++] = id;
            i++;
        }

        if (written < symbols.Length) _words[word] = symbols[..written];
    }

    private int IdOf(string token)
    {
        if (_ids.TryGetValue(token, out var id)) return id;
        _ids.Add(token, _tokens.Count);
        _tokens.Add(token);
        return _tokens.Count - 1;
    }

    private readonly record struct Pair(int Left, int Right);

    /// <summary>A pair that may become a token, with the count that it had when it was queued and the words that it was found in.</summary>
    private sealed record Candidate(Pair Pair, long Count, List<int> Words)
    {
        public static int Compare(Candidate x, Candidate y)
        {
            if (x.Count != y.Count) return y.Count.CompareTo(x.Count);
            return x.Pair.Left != y.Pair.Left ? x.Pair.Left.CompareTo(y.Pair.Left) : x.Pair.Right.CompareTo(y.Pair.Right);
        }
    }
}

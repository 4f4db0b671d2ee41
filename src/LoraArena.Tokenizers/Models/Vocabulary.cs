using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Models;

/// <summary>The tokens of a model and their ids.</summary>
internal sealed class Vocabulary
{
    /// <summary>
    /// Ids are below this: the largest vocabularies in use have a quarter of it, and a hostile file must not make us allocate by its
    /// numbers.
    /// </summary>
    public const int MaxTokens = 1 << 22;

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly List<string?> _tokens = [];

    /// <summary>An empty vocabulary.</summary>
    public Vocabulary() => _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Number of tokens.</summary>
    public int Count => _ids.Count;

    /// <summary>One more than the highest id.</summary>
    public int Size => _tokens.Count;

    /// <summary>Tokens and ids, in the order of the file.</summary>
    public IEnumerable<KeyValuePair<string, int>> Entries => _ids;

    /// <summary>Reads an object of tokens and ids.</summary>
    /// <exception cref="TokenizerException">An id is out of range or stands for two tokens, or a token is given twice.</exception>
    public static Vocabulary Read(JsonPart part)
    {
        var vocabulary = new Vocabulary();
        foreach (var (token, value) in part.Members())
        {
            if (!vocabulary.TryAdd(token, value.Number(0, MaxTokens - 1), out var problem)) throw value.Problem(problem);
        }

        if (vocabulary.Count == 0) throw part.Problem("the vocabulary is empty");
        return vocabulary;
    }

    /// <summary>Adds a token.</summary>
    public bool TryAdd(string token, int id, out string problem)
    {
        while (_tokens.Count <= id) _tokens.Add(null);
        if (_tokens[id] is { } other)
        {
            problem = $"id {id} is also the id of \"{other}\"";
            return false;
        }

        problem = "the token is there twice";
        if (!_ids.TryAdd(token, id)) return false;
        _tokens[id] = token;
        return true;
    }

    /// <summary>Id of a token.</summary>
    public int? IdOf(ReadOnlySpan<char> token) => _idsBySpan.TryGetValue(token, out var id) ? id : null;

    /// <summary>Token of an id; null for an id in a gap or out of range.</summary>
    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Count ? _tokens[id] : null;
}

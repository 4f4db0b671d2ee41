using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.Normalizers;

namespace LoraArena.Tokenizers.AddedTokens;

/// <summary>The added tokens of a tokenizer.</summary>
internal sealed class AddedVocabulary
{
    // At every place of a text as many characters may have to be looked at, so a hostile file must not choose the number.
    private const int LongestForm = 256;

    private readonly Dictionary<int, AddedToken> _byId = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _forms = [];

    /// <summary>Reads a tokenizer.json's <c>added_tokens</c>.</summary>
    /// <param name="part">The list; null where the file has none.</param>
    /// <param name="vocabulary">The model's vocabulary.</param>
    /// <param name="normalizer">The file's normalizer.</param>
    /// <exception cref="TokenizerException">An id is not the one that Hugging Face gives the token.</exception>
    public AddedVocabulary(JsonPart? part, Vocabulary vocabulary, AlignedNormalizer? normalizer)
    {
        // A token that the model knows keeps that id; the others are numbered from the model's count on, in the order of the file.
        var next = vocabulary.Count;
        foreach (var entry in part?.Items() ?? [])
        {
            var token = AddedToken.Read(entry);
            if (token.Content.Length == 0) throw entry.Problem("an added token is empty");
            if (_ids.ContainsKey(token.Content)) throw entry.Problem($"the added token \"{token.Content}\" is there twice");
            var id = vocabulary.IdOf(token.Content) ?? next++;
            if (token.Id != id) throw entry.Problem($"the added token \"{token.Content}\" has id {token.Id}, but Hugging Face tokenizers numbers it {id}");
            if (vocabulary.TokenOf(id) is { } other && other != token.Content)
            {
                throw entry.Problem($"id {id} is also the id of \"{other}\" in the model's vocabulary");
            }

            var form = token.Normalized && normalizer is not null ? normalizer.Normalize(token.Content) : token.Content;
            if (form.Length > LongestForm) throw entry.Problem($"an added token has {form.Length} characters; more than {LongestForm} are refused");
            _byId.Add(id, token);
            _ids.Add(token.Content, id);
            _forms.Add(id, form);
        }

        Raw = Finder(normalized: false);
        Normalized = Finder(normalized: true);
        Size = Math.Max(vocabulary.Size, _byId.Count == 0 ? 0 : _byId.Keys.Max() + 1);
    }

    /// <summary>Finds the tokens that are looked for in the text as it is; null where there are none.</summary>
    public AddedTokenFinder? Raw { get; }

    /// <summary>Finds the tokens that are looked for in the normalised text; null where there are none.</summary>
    public AddedTokenFinder? Normalized { get; }

    /// <summary>One more than the highest id of these tokens and of the model's.</summary>
    public int Size { get; }

    /// <summary>Id of an added token.</summary>
    public int? IdOf(string content) => _ids.TryGetValue(content, out var id) ? id : null;

    /// <summary>The token of an id.</summary>
    public AddedToken? TokenOf(int id) => _byId.GetValueOrDefault(id);

    /// <summary>What a decoder gets for an id: the form that the token had in the normalised text.</summary>
    public string? FormOf(int id) => _forms.GetValueOrDefault(id);

    // A token whose normalised form is empty can never be found.
    private AddedTokenFinder? Finder(bool normalized)
    {
        var tokens = _byId.Values.Where(token => token.Normalized == normalized && _forms[token.Id].Length > 0)
            .Select(token => (token, _forms[token.Id]))
            .ToList();
        return tokens.Count == 0 ? null : new AddedTokenFinder(tokens);
    }
}

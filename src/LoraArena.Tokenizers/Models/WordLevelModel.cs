using System.Text;
using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Models;

/// <summary>WordLevel: a word is one token, or unknown.</summary>
internal sealed class WordLevelModel : WordModel
{
    private readonly int _unknown;

    private WordLevelModel(Vocabulary vocabulary, int unknown) : base(vocabulary) => _unknown = unknown;

    /// <inheritdoc/>
    public override int? UnknownId => _unknown;

    /// <summary>Reads the model's part of a tokenizer.json.</summary>
    public static WordLevelModel Read(JsonPart part)
    {
        var vocabulary = Vocabulary.Read(part["vocab"]);
        var unknown = part["unk_token"];
        return new WordLevelModel(
            vocabulary,
            vocabulary.IdOf(unknown.Text()) ?? throw unknown.Problem($"the unknown token \"{unknown.Text()}\" is not in the vocabulary"));
    }

    /// <inheritdoc/>
    protected override EncodedWord Encode(ReadOnlySpan<char> word, string key)
        => new(key, [Vocabulary.IdOf(word) ?? _unknown], [0], [Encoding.UTF8.GetByteCount(word)]);
}

using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Models;

/// <summary>The models by the type names of tokenizer.json.</summary>
internal static class WordModelCatalog
{
    /// <summary>Reads a model.</summary>
    /// <param name="part">The model's part of a tokenizer.json.</param>
    /// <param name="onBytes">True where the file's pre-tokenizer is ByteLevel.</param>
    /// <exception cref="TokenizerException">The type is not known, a field is missing or a table does not hold together.</exception>
    public static WordModel Read(JsonPart part, bool onBytes)
    {
        var readers = new Dictionary<string, Func<JsonPart, WordModel>>(StringComparer.Ordinal)
        {
            ["BPE"] = model => BytePairModel.Read(model, onBytes),
            ["Unigram"] = model => UnigramModel.Read(OnCharacters(model)),
            ["WordLevel"] = model => WordLevelModel.Read(OnCharacters(model)),
            ["WordPiece"] = model => WordPieceModel.Read(OnCharacters(model)),
        };

        // Files from before the field existed tell their model by its other fields.
        var type = part.Find("type")?.Text() ?? (part.Find("merges") is null ? "WordPiece" : "BPE");
        return part.ReadByType("model", type, readers);

        JsonPart OnCharacters(JsonPart model) => onBytes ? throw model.Problem("a ByteLevel pre-tokenizer is supported with a BPE model only") : model;
    }
}

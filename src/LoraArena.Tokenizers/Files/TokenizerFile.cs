using LoraArena.Tokenizers.AddedTokens;
using LoraArena.Tokenizers.Decoders;
using LoraArena.Tokenizers.Files.SentencePiece;
using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.Normalizers;
using LoraArena.Tokenizers.PostProcessors;
using LoraArena.Tokenizers.PreTokenizers;

namespace LoraArena.Tokenizers.Files;

/// <summary>
/// The stages of a tokenizer.json. Its sections <c>truncation</c> and <c>padding</c> are read over: how texts are cut and filled up is the business of whoever
/// packs them, and published files carry settings of some other job there.
/// </summary>
/// <param name="Normalizer">Rewrites the text; null for none.</param>
/// <param name="Splitter">Cuts it into words; null where the model takes it whole.</param>
/// <param name="Model">Turns words into tokens.</param>
/// <param name="Added">Tokens that are cut out before.</param>
/// <param name="PostProcessor">What happens to the sequence of tokens.</param>
/// <param name="Decoder">The way back.</param>
internal sealed record TokenizerFile(
    AlignedNormalizer? Normalizer,
    PieceSplitter? Splitter,
    WordModel Model,
    AddedVocabulary Added,
    PostProcessor PostProcessor,
    TokenDecoder Decoder)
{
    /// <summary>The tokens with a role, where the file decides them; null where the files beside it do.</summary>
    public IReadOnlyDictionary<string, string>? Roles { get; init; }

    /// <summary>Name of the file.</summary>
    public const string Name = "tokenizer.json";

    /// <summary>The token of an id; null for an id in a gap or out of range.</summary>
    public string? TokenOf(int id) => Added.TokenOf(id)?.Content ?? Model.Vocabulary.TokenOf(id);

    /// <summary>The id of a token; null where it is not known.</summary>
    public int? IdOf(string token) => Added.IdOf(token) ?? Model.Vocabulary.IdOf(token);

    /// <summary>Reads the file of a model folder, or a SentencePiece model or vocab.txt where that is all it has.</summary>
    /// <exception cref="TokenizerException">It is missing, malformed, or uses something that is not supported.</exception>
    public static TokenizerFile Read(string folder)
    {
        var path = Path.Join(folder, Name);
        if (File.Exists(path)) return ModelJsonFile.Read(path, Read);
        if (SentencePieceFolder.Find(folder) is { } model) return SentencePieceFolder.Read(folder, model);
        return File.Exists(Path.Join(folder, VocabularyTextFile.Name)) ? VocabularyTextFile.Read(folder) : ModelJsonFile.Read(path, Read);
    }

    /// <summary>Reads the content of such a file.</summary>
    /// <exception cref="TokenizerException">It is malformed, or uses something that is not supported.</exception>
    public static TokenizerFile Read(JsonPart root)
    {
        if (root.Find("version") is { } version && version.Text() != "1.0") throw version.Wanted("\"1.0\"");
        var normalizer = root.Find("normalizer") is { } normalizerPart ? NormalizerCatalog.Read(normalizerPart) : null;
        var splitter = root.Find("pre_tokenizer") is { } splitterPart ? SplitterCatalog.Read(splitterPart) : null;
        var model = WordModelCatalog.Read(root["model"], SplitterCatalog.WorksOnBytes(splitter));
        var added = new AddedVocabulary(root.Find("added_tokens"), model.Vocabulary, normalizer);
        var file = new TokenizerFile(normalizer, splitter, model, added, new PostProcessorSequence([]), DecoderCatalog.Read(root.Find("decoder")));
        return root.Find("post_processor") is { } processor ? file with { PostProcessor = PostProcessorCatalog.Read(processor, file.TokenOf) } : file;
    }
}

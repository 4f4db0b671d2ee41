using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Learning.Models;
using LoraArena.Tokenizers;

namespace LoraArena.Learning.Packing;

/// <summary>
/// Tokens of battles for one model: from the cache where they are, else made and kept. The tokenizer is loaded only where something is to
/// be made.
/// </summary>
public sealed class CachedTokens
{
    private readonly TokenCache _cache;
    private readonly string _model;
    private readonly int _rows;
    private readonly string _templateKey;
    private readonly Lazy<BattleTokenizer> _tokenizer;
    private PackingTemplate? _template;

    /// <summary>Tokens for a model.</summary>
    /// <param name="cache">Where they are kept.</param>
    /// <param name="model">The model's folder.</param>
    /// <param name="kind">Decides the template.</param>
    /// <param name="config">The model's configuration.</param>
    public CachedTokens(TokenCache cache, string model, ModelKind kind, ModelConfig config)
    {
        (_cache, _model, _rows) = (cache, model, config.VocabularySize);
        _tokenizer = new Lazy<BattleTokenizer>(() => new BattleTokenizer(HuggingFaceTokenizer.Load(model), kind, config));

        // The template follows from the tokenizer, from these two, and from the code.
        var code = $"{typeof(CachedTokens).Module.ModuleVersionId} {typeof(HuggingFaceTokenizer).Module.ModuleVersionId}";
        _templateKey = string.Create(CultureInfo.InvariantCulture, $"{kind} {config.PadTokenId} {code}");
    }

    /// <summary>The tokens round the parts of a battle.</summary>
    /// <exception cref="TokenizerException">The tokenizer cannot be used.</exception>
    /// <exception cref="ModelException">The model has no row for one of them.</exception>
    public PackingTemplate Template => _template ??= Checked(_tokenizer.Value.Template);

    /// <summary>Tokens of all rows of a data file.</summary>
    /// <param name="data">Names the file's content: the SHA-256 of its bytes and whatever else decides its rows.</param>
    /// <param name="read">Reads the rows.</param>
    /// <exception cref="TokenizerException">The tokenizer cannot be used.</exception>
    /// <exception cref="ModelException">The model has no row for a token that occurs.</exception>
    public IReadOnlyList<TokenizedBattle> Tokenize(string data, Func<IReadOnlyList<Battle>> read)
    {
        var key = TokenCache.Key(data, TokenizerFiles.Hash(_model), _templateKey);
        var file = _cache.Find(key);
        if (file is null)
        {
            file = new TokenizedFile(_tokenizer.Value.Template, _tokenizer.Value.Tokenize(read()));
            _cache.Keep(key, file);
        }

        _template ??= Checked(file.Template);
        return Checked(file.Battles);
    }

    /// <summary>Tokens of rows that are not kept.</summary>
    /// <exception cref="TokenizerException">The tokenizer cannot be used.</exception>
    /// <exception cref="ModelException">The model has no row for a token that occurs.</exception>
    public IReadOnlyList<TokenizedBattle> Tokenize(IReadOnlyList<Battle> battles) => Checked(_tokenizer.Value.Tokenize(battles));

    /// <summary>Tokens of one text.</summary>
    /// <exception cref="TokenizerException">The tokenizer cannot be used.</exception>
    /// <exception cref="ModelException">The model has no row for a token that occurs.</exception>
    public IReadOnlyList<int> EncodeToIds(string text)
    {
        var ids = _tokenizer.Value.Tokenize(text);
        EmbeddingRows.Check(_model, text, ids, _rows);
        return ids;
    }

    private PackingTemplate Checked(PackingTemplate template)
    {
        EmbeddingRows.Check(_model, template, _rows);
        return template;
    }

    private IReadOnlyList<TokenizedBattle> Checked(IReadOnlyList<TokenizedBattle> battles)
    {
        EmbeddingRows.Check(_model, battles, _rows);
        return battles;
    }
}

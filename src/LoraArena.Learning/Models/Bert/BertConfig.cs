using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Bert;

/// <summary>What BERT's config.json tells, with Transformers' defaults.</summary>
public sealed record BertConfig : ModelConfig
{
    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Width between the two layers of the feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Kinds of segments.</summary>
    public required int TypeVocabularySize { get; init; }

    /// <summary>ε of the layer norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>What acts between the layers of the feed-forward part.</summary>
    public required Activation Activation { get; init; }

    /// <summary>Name of the backbone's module: <c>bert</c>, <c>roberta</c>.</summary>
    public string Module { get; init; } = "bert";

    /// <summary>Position of a sequence's first token in the table of positions.</summary>
    public int FirstPosition { get; init; }

    /// <summary>True if a layer with tanh stands between the first token and the head.</summary>
    public bool HasPooler { get; init; } = true;

    /// <summary>True if the model is told which segment a token is in.</summary>
    public bool HasSegments { get; init; } = true;

    /// <summary>Reads BERT's config.json.</summary>
    public static BertConfig Read(ConfigReader config) => Read(config, vocabularySize: 30522, padTokenId: 0);

    /// <summary>Reads config.json of BERT or a relative of it.</summary>
    /// <param name="config">The file.</param>
    /// <param name="vocabularySize">Tokens known, where the file does not say.</param>
    /// <param name="padTokenId">Id of padding, where the file does not say.</param>
    /// <exception cref="ModelException">A field makes no sense, or asks for something that is not built.</exception>
    internal static BertConfig Read(ConfigReader config, int vocabularySize, int padTokenId)
    {
        config.Require("position_embedding_type", "absolute");
        if (config.Flag("is_decoder", false)) throw config.Error("'is_decoder' is true; only a model whose tokens see all others is supported");
        var read = new BertConfig
        {
            VocabularySize = config.Size("vocab_size", 10_000_000, vocabularySize),
            HiddenSize = config.Size("hidden_size", 65_536, 768),
            Layers = config.Size("num_hidden_layers", 1_000, 12),
            Heads = config.Size("num_attention_heads", 1_024, 12),
            IntermediateSize = config.Size("intermediate_size", 1_000_000, 3072),
            MaxPositions = config.Size("max_position_embeddings", 10_000_000, 512),
            TypeVocabularySize = config.Size("type_vocab_size", 1_000, 2),
            LayerNormEps = config.Number("layer_norm_eps", 0, 1, 1e-12),
            InitializerRange = config.Number("initializer_range", 0, 10, 0.02),
            HiddenDropout = config.Number("hidden_dropout_prob", 0, 0.99, 0.1),
            AttentionDropout = config.Number("attention_probs_dropout_prob", 0, 0.99, 0.1),
            PadTokenId = config.TokenId("pad_token_id") ?? padTokenId,
            Activation = Activation.Read(config, "hidden_act", "gelu"),
            Pooling = Pooling.First,
        };
        if (read.HiddenSize % read.Heads != 0) throw config.Error($"hidden_size {read.HiddenSize} cannot be divided among {read.Heads} attention heads");
        var layer = (4.0 * read.HiddenSize * read.HiddenSize) + (2.0 * read.HiddenSize * read.IntermediateSize);
        config.CheckParameters((((double)read.VocabularySize + read.MaxPositions) * read.HiddenSize) + (read.Layers * layer));
        return read with { ClassifierDropout = config.Number("classifier_dropout", 0, 0.99, read.HiddenDropout) };
    }
}

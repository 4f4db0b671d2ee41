using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.DebertaV2;

/// <summary>What the config.json of DeBERTa v2 and v3 tells, with Transformers' defaults.</summary>
public sealed record DebertaV2Config : ModelConfig
{
    /// <summary>Width of the word embeddings; a layer brings it to the model's where it is another.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Width between the two layers of the feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>What acts there.</summary>
    public required Activation Activation { get; init; }

    /// <summary>Kinds of segments; 0 for none.</summary>
    public required int TypeVocabularySize { get; init; }

    /// <summary>Rows of the table of absolute positions; 0 where there is none, as in v3.</summary>
    public required int AbsolutePositions { get; init; }

    /// <summary>ε of the layer norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Distances between tokens; null where attention does not look at them.</summary>
    public required RelativePositions? Relative { get; init; }

    /// <summary>Width of the convolution beside the first layer, odd; 0 for none.</summary>
    public required int ConvolutionWidth { get; init; }

    /// <summary>Groups of the convolution's channels.</summary>
    public required int ConvolutionGroups { get; init; }

    /// <summary>What acts after the convolution.</summary>
    public required Activation ConvolutionActivation { get; init; }

    /// <summary>What acts after the pooler's layer.</summary>
    public required Activation PoolerActivation { get; init; }

    /// <summary>Dropout before the pooler's layer.</summary>
    public required double PoolerDropout { get; init; }

    /// <summary>Number of terms in a score: content with content, and those of <see cref="Relative"/>. It is part of their scale.</summary>
    public required int ScoreTerms { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="ModelException">A field makes no sense, or asks for something that is not built.</exception>
    public static DebertaV2Config Read(ConfigReader config)
    {
        var hidden = config.Size("hidden_size", 65_536, 1536);
        var layers = config.Size("num_hidden_layers", 1_000, 24);
        var heads = config.Size("num_attention_heads", 1_024, 24);
        var positions = config.Size("max_position_embeddings", 10_000_000, 512);
        var absolute = config.Flag("position_biased_input", true);
        if (hidden % heads != 0) throw config.Error($"hidden_size {hidden} cannot be divided among {heads} attention heads");
        RequireSize(config, "pooler_hidden_size", hidden);
        RequireSize(config, "attention_head_size", hidden / heads);
        var (contentToPosition, positionToContent) = Terms(config);
        var relative = config.Flag("relative_attention", false) ? RelativePositions.Read(config, positions, contentToPosition, positionToContent) : null;
        if (!absolute && relative is null) throw config.Error("neither 'position_biased_input' nor 'relative_attention' is true, so tokens have no order");
        var width = config.Count("conv_kernel_size", 1_001, 0);
        if (width > 0 && width % 2 == 0) throw config.Error($"'conv_kernel_size' is {width}; an odd one is needed");
        var groups = config.Size("conv_groups", 65_536, 1);
        if (hidden % groups != 0) throw config.Error($"'conv_groups' is {groups}, which does not divide hidden_size {hidden}");
        var dropout = config.Number("hidden_dropout_prob", 0, 0.99, 0.1);
        var read = new DebertaV2Config
        {
            VocabularySize = config.Size("vocab_size", 10_000_000, 128_100),
            HiddenSize = hidden,
            EmbeddingSize = config.Size("embedding_size", 65_536, hidden),
            Layers = layers,
            Heads = heads,
            IntermediateSize = config.Size("intermediate_size", 1_000_000, 6144),
            Activation = Activation.Read(config, "hidden_act", "gelu"),
            TypeVocabularySize = config.Count("type_vocab_size", 1_000, 0),
            AbsolutePositions = absolute ? positions : 0,

            // Without a table of positions a layer reaches over twice the largest distance, and layers add up (He et al. 2020, appendix A.5).
            MaxPositions = absolute ? positions : (int)Math.Min(10_000_000, ((2L * relative!.MaxDistance) - 1) * layers),
            LayerNormEps = config.Number("layer_norm_eps", 0, 1, 1e-7),
            Relative = relative,
            ScoreTerms = 1 + (contentToPosition ? 1 : 0) + (positionToContent ? 1 : 0),
            ConvolutionWidth = width,
            ConvolutionGroups = groups,
            ConvolutionActivation = Activation.Read(config, "conv_act", "tanh"),
            PoolerActivation = Activation.Read(config, "pooler_hidden_act", "gelu"),
            PoolerDropout = config.Number("pooler_dropout", 0, 0.99, 0),
            InitializerRange = config.Number("initializer_range", 0, 10, 0.02),
            HiddenDropout = dropout,
            AttentionDropout = config.Number("attention_probs_dropout_prob", 0, 0.99, 0.1),
            ClassifierDropout = config.Number("cls_dropout", 0, 0.99, dropout),
            PadTokenId = config.TokenId("pad_token_id") ?? 0,
            Pooling = Pooling.First,
        };
        var layer = (6.0 * hidden * hidden) + (2.0 * hidden * read.IntermediateSize);
        var convolution = (double)width * hidden * hidden / groups;
        config.CheckParameters((((double)read.VocabularySize + read.AbsolutePositions) * read.EmbeddingSize) + (layers * layer) + convolution);
        return read;
    }

    // "p2c|c2p", or a list of the two.
    private static (bool ContentToPosition, bool PositionToContent) Terms(ConfigReader config)
    {
        var terms = config.IsText("pos_att_type")
            ? config.Text("pos_att_type")!.ToLowerInvariant().Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : config.Texts("pos_att_type") ?? [];
        if (terms.FirstOrDefault(term => term is not ("c2p" or "p2c")) is { } other)
        {
            throw config.Error($"'pos_att_type' names '{other}'; only c2p and p2c are supported");
        }

        return (terms.Contains("c2p"), terms.Contains("p2c"));
    }

    private static void RequireSize(ConfigReader config, string field, int size)
    {
        if (config.Size(field, 65_536, size) is var found && found != size) throw config.Error($"'{field}' is {found}; only {size} is supported here");
    }
}

/// <summary>How attention sees distances between tokens.</summary>
/// <param name="MaxDistance">Largest distance that is told from larger ones.</param>
/// <param name="Buckets">Distances are told apart up to half of this, and by their logarithm beyond; 0 for all apart.</param>
/// <param name="ContentToPosition">True if a query asks for distances.</param>
/// <param name="PositionToContent">True if a distance asks for keys.</param>
/// <param name="SharesLayers">True if distances go through the layers of query and key, false for layers of their own.</param>
/// <param name="Normalised">True if their embeddings are normalised.</param>
public sealed record RelativePositions(int MaxDistance, int Buckets, bool ContentToPosition, bool PositionToContent, bool SharesLayers, bool Normalised)
{
    /// <summary>Distances in one direction that have embeddings.</summary>
    public int Span => Buckets > 0 ? Buckets : MaxDistance;

    internal static RelativePositions Read(ConfigReader config, int positions, bool contentToPosition, bool positionToContent)
    {
        var max = (int)config.Number("max_relative_positions", -1, 1_000_000, -1);
        var buckets = (int)config.Number("position_buckets", -1, 1_000_000, -1);
        if (max < 1) max = positions;
        if (buckets is 1) throw config.Error("'position_buckets' is 1; at least 2 are needed");
        if (buckets > 0 && max - 1 <= buckets / 2) throw config.Error($"'position_buckets' is {buckets}, too many for distances of less than {max}");
        var norms = (config.Text("norm_rel_ebd") ?? "none").ToLowerInvariant().Split('|', StringSplitOptions.TrimEntries);
        return new RelativePositions(
            max, Math.Max(0, buckets), contentToPosition, positionToContent, config.Flag("share_att_key", false),
            norms.Contains("layer_norm"));
    }
}

namespace LoraArena.Learning.Models.Llama;

/// <summary>What Llama's config.json tells, as Transformers 4 and 5 write it.</summary>
public sealed record LlamaConfig : ModelConfig
{
    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads: each serves Heads / KeyValueHeads query heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Width between the layers of the gated feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>True if the attention's layers add a bias.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>True if the feed-forward layers add a bias.</summary>
    public required bool MlpBias { get; init; }

    /// <summary>Reads config.json.</summary>
    public static LlamaConfig Read(ConfigReader config)
    {
        config.Require("hidden_act", "silu");
        var rope = config.Inner("rope_parameters") ?? config.Inner("rope_scaling");
        rope?.Require("rope_type", "default");
        rope?.Require("type", "default");
        var hidden = config.Size("hidden_size", 65_536, 4096);
        var heads = config.Size("num_attention_heads", 1_024, 32);
        var read = new LlamaConfig
        {
            VocabularySize = config.Size("vocab_size", 10_000_000, 32000),
            HiddenSize = hidden,
            Layers = config.Size("num_hidden_layers", 1_000, 32),
            Heads = heads,
            KeyValueHeads = config.Size("num_key_value_heads", 1_024, heads),
            HeadSize = config.Size("head_dim", 4_096, Math.Max(1, hidden / heads)),
            IntermediateSize = config.Size("intermediate_size", 1_000_000, 11008),
            MaxPositions = config.Size("max_position_embeddings", 100_000_000, 2048),
            RmsNormEps = config.Number("rms_norm_eps", 0, 1, 1e-6),
            RopeTheta = rope?.Number("rope_theta", 1, 1e12, config.Number("rope_theta", 1, 1e12, 10000)) ?? config.Number("rope_theta", 1, 1e12, 10000),
            AttentionBias = config.Flag("attention_bias", false),
            MlpBias = config.Flag("mlp_bias", false),
            InitializerRange = config.Number("initializer_range", 0, 10, 0.02),
            AttentionDropout = config.Number("attention_dropout", 0, 0.99, 0),
            PadTokenId = config.TokenId("pad_token_id"),
        };
        if (read.Heads % read.KeyValueHeads != 0) throw config.Error($"{read.Heads} query heads cannot share {read.KeyValueHeads} key and value heads evenly");
        if (read.HeadSize % 2 != 0) throw config.Error($"head_dim {read.HeadSize} is odd; rotary positions need an even one");
        var attention = 2.0 * read.HiddenSize * read.HeadSize * (read.Heads + read.KeyValueHeads);
        config.CheckParameters((2.0 * read.VocabularySize * read.HiddenSize) + (read.Layers * (attention + (3.0 * read.HiddenSize * read.IntermediateSize))));
        return read;
    }
}

using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Decoders;

/// <summary>All that one decoder differs in from another: read from config.json by its family, and built by <see cref="DecoderModel"/>.</summary>
public sealed record DecoderShape : ModelConfig
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
    public required double NormEps { get; init; }

    /// <summary>How positions turn into angles.</summary>
    public required RotaryScaling Rotary { get; init; }

    /// <summary>What acts on the gate of the feed-forward part.</summary>
    public Activation Activation { get; init; } = Activation.Silu;

    /// <summary>True if the norms multiply by 1 + w in fp32 (Gemma), false for w in the model's type.</summary>
    public bool NormsAddOne { get; init; }

    /// <summary>True if each head's query and key are normalised before they are rotated (Qwen 3).</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>True if the layers of query, key and value add a bias.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>True if the attention's output layer adds a bias.</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>True if the feed-forward layers add a bias.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>What scores are multiplied by; null for 1/√(head size).</summary>
    public double? AttentionScale { get; init; }

    /// <summary>c of the scores' soft cap c·tanh(s/c) (Gemma 2); null for none.</summary>
    public double? AttentionCap { get; init; }

    /// <summary>False if attention is never one kernel, since Transformers takes none for this family and 16 bits would round differently.</summary>
    public bool FusedAttention { get; init; } = true;

    /// <summary>What embeddings are multiplied by (Gemma: √width).</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>For each layer, how many tokens back it sees, itself included; null for all.</summary>
    public required IReadOnlyList<int?> Windows { get; init; }

    /// <summary>Names of the norms in a layer.</summary>
    public DecoderNorms Norms { get; init; } = DecoderNorms.BeforeEachPart;
}

/// <summary>The norms of a layer by their names in Hugging Face's files, and with that, where they stand.</summary>
/// <param name="BeforeAttention">On what attention reads.</param>
/// <param name="AfterAttention">On what attention gives, before it is added; null for none.</param>
/// <param name="BeforeFeedForward">On what the feed-forward part reads.</param>
/// <param name="AfterFeedForward">On what the feed-forward part gives, before it is added; null for none.</param>
public sealed record DecoderNorms(string BeforeAttention, string? AfterAttention, string BeforeFeedForward, string? AfterFeedForward)
{
    /// <summary>Llama's two. The second is named after what it follows, and stands before the feed-forward part.</summary>
    public static DecoderNorms BeforeEachPart { get; } = new("input_layernorm", null, "post_attention_layernorm", null);

    /// <summary>Gemma 2's four.</summary>
    public static DecoderNorms AroundEachPart { get; } =
        new("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm");
}

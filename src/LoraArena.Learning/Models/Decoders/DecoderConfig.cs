using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Decoders;

/// <summary>What the decoders' config.json files share, with the defaults that each family gives. Fields are read as Transformers 4 and 5 write them.</summary>
/// <param name="config">The file.</param>
public sealed class DecoderConfig(ConfigReader config)
{
    /// <summary>The file.</summary>
    public ConfigReader File { get; } = config;

    /// <summary>Reads the sizes, and whatever every decoder has.</summary>
    /// <param name="defaults">What stands for fields that are missing.</param>
    /// <exception cref="ModelException">A field is out of bounds, or sizes do not fit one another.</exception>
    public DecoderShape Read(DecoderDefaults defaults)
    {
        var hidden = File.Size("hidden_size", 65_536, defaults.HiddenSize);
        var layers = File.Size("num_hidden_layers", 1_000, defaults.Layers);
        var heads = File.Size("num_attention_heads", 1_024, defaults.Heads);
        var headSize = File.Size("head_dim", 4_096, defaults.HeadSize ?? Math.Max(1, hidden / heads));
        var positions = File.Size("max_position_embeddings", 100_000_000, defaults.MaxPositions);
        if (headSize % 2 != 0) throw File.Error($"head_dim {headSize} is odd; rotary positions need an even one");
        var keyValueHeads = File.Size("num_key_value_heads", 1_024, File.Has("num_key_value_heads") ? heads : defaults.KeyValueHeads ?? heads);
        if (heads % keyValueHeads != 0) throw File.Error($"{heads} query heads cannot share {keyValueHeads} key and value heads evenly");
        var shape = new DecoderShape
        {
            VocabularySize = File.Size("vocab_size", 10_000_000, defaults.VocabularySize),
            HiddenSize = hidden,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = headSize,
            IntermediateSize = File.Size("intermediate_size", 1_000_000, defaults.IntermediateSize),
            MaxPositions = positions,
            NormEps = File.Number("rms_norm_eps", 0, 1, 1e-6),
            Rotary = RotaryScaling.Read(File, headSize, positions),
            Windows = [.. Enumerable.Repeat<int?>(null, layers)],
            InitializerRange = File.Number("initializer_range", 0, 10, 0.02),
            AttentionDropout = File.Number("attention_dropout", 0, 0.99, 0),
            PadTokenId = File.TokenId("pad_token_id"),
            Pooling = Pooling.Last,
        };
        CheckSize(shape);
        return shape;
    }

    /// <summary>Windows of layers that <c>layer_types</c> names, or else <paramref name="isWindowed"/> does.</summary>
    /// <param name="layers">Number of layers.</param>
    /// <param name="window">Tokens that a windowed layer sees; null for no window at all.</param>
    /// <param name="isWindowed">Whether a layer has a window where the file does not say.</param>
    /// <exception cref="ModelException">layer_types is of another form, or asks for a window that is not given.</exception>
    public IReadOnlyList<int?> Windows(int layers, int? window, Func<int, bool> isWindowed)
    {
        var types = File.Texts("layer_types");
        if (types is null) return [.. Enumerable.Range(0, layers).Select(i => isWindowed(i) ? window : null)];
        if (types.Count < layers) throw File.Error($"'layer_types' names {types.Count} layers of {layers}");
        return [.. types.Take(layers).Select(type => type switch
        {
            "full_attention" => (int?)null,
            "sliding_attention" => window ?? throw File.Error("'layer_types' asks for a sliding window, but no 'sliding_window' is set"),
            _ => throw File.Error($"'layer_types' names '{type}'; only full_attention and sliding_attention are supported"),
        })];
    }

    /// <summary>A window in tokens; null where the field is null.</summary>
    /// <param name="defaultValue">What stands for a missing field.</param>
    public int? Window(int defaultValue) => File.IsNull("sliding_window") ? null : File.Size("sliding_window", 100_000_000, defaultValue);

    /// <summary>Refuses what Transformers' decoders can be told and this one cannot do.</summary>
    /// <exception cref="ModelException">It is asked for.</exception>
    public void RequireCausal()
    {
        if (File.Flag("use_bidirectional_attention", false))
        {
            throw File.Error("'use_bidirectional_attention' is true; only a decoder whose tokens see what came before is supported");
        }
    }

    private void CheckSize(DecoderShape shape)
    {
        var attention = 2.0 * shape.HiddenSize * shape.HeadSize * (shape.Heads + shape.KeyValueHeads);
        var feedForward = 3.0 * shape.HiddenSize * shape.IntermediateSize;
        File.CheckParameters((2.0 * shape.VocabularySize * shape.HiddenSize) + (shape.Layers * (attention + feedForward)));
    }
}

/// <summary>A family's sizes where config.json does not give them.</summary>
public sealed record DecoderDefaults(
    int VocabularySize, int HiddenSize, int IntermediateSize, int Layers, int Heads, int? KeyValueHeads, int? HeadSize, int MaxPositions);

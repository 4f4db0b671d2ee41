using LoraArena.Learning.Models.Decoders;
using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Qwen2;

/// <summary>
/// Qwen 2 and 2.5 (Yang et al. 2024, arXiv:2407.10671 and arXiv:2412.15115), as Transformers' <c>Qwen2ForSequenceClassification</c> has
/// them.
/// </summary>
public sealed class Qwen2Family : DecoderFamily
{
    private static readonly DecoderDefaults Defaults = new(151_936, 4096, 22016, 32, 32, KeyValueHeads: 32, HeadSize: null, 32768);

    /// <inheritdoc/>
    public override string ModelType => "qwen2";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Qwen2ForSequenceClassification";

    /// <summary>The windows of Qwen 2 and 3: the upper layers', where they are switched on at all.</summary>
    internal static IReadOnlyList<int?> UpperWindows(DecoderConfig config, int layers)
    {
        var window = config.File.Flag("use_sliding_window", false) ? config.Window(4096) : null;
        var first = config.File.Count("max_window_layers", 1_000_000, 28);
        return config.Windows(layers, window, layer => layer >= first);
    }

    /// <inheritdoc/>
    protected override DecoderShape ReadShape(DecoderConfig config)
    {
        var shape = config.Read(Defaults);
        return shape with
        {
            Activation = Activation.Read(config.File, "hidden_act", "silu"),
            QueryKeyValueBias = true,
            Windows = UpperWindows(config, shape.Layers),
        };
    }
}

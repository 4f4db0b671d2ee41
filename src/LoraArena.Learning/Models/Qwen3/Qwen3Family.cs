using LoraArena.Learning.Models.Decoders;
using LoraArena.Learning.Models.Qwen2;
using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Qwen3;

/// <summary>
/// Qwen 3 (Yang et al. 2025, arXiv:2505.09388), as Transformers' <c>Qwen3ForSequenceClassification</c> has it: queries and keys are
/// normalised head by head.
/// </summary>
public sealed class Qwen3Family : DecoderFamily
{
    private static readonly DecoderDefaults Defaults = new(151_936, 4096, 22016, 32, 32, KeyValueHeads: 32, HeadSize: 128, 32768);

    /// <inheritdoc/>
    public override string ModelType => "qwen3";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Qwen3ForSequenceClassification";

    /// <inheritdoc/>
    protected override DecoderShape ReadShape(DecoderConfig config)
    {
        var shape = config.Read(Defaults);
        var bias = config.File.Flag("attention_bias", false);
        return shape with
        {
            Activation = Activation.Read(config.File, "hidden_act", "silu"),
            QueryKeyNorm = true,
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            Windows = Qwen2Family.UpperWindows(config, shape.Layers),
        };
    }
}

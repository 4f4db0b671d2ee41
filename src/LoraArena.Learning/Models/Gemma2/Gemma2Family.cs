using LoraArena.Learning.Models.Decoders;
using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Gemma2;

/// <summary>
/// Gemma 2 (Gemma Team 2024, arXiv:2408.00118), as Transformers' <c>Gemma2ForSequenceClassification</c> has it: norms around each part, capped
/// scores, a window on every other layer. The cap on the language model's logits has no part in classification.
/// </summary>
public sealed class Gemma2Family : DecoderFamily
{
    private static readonly DecoderDefaults Defaults = new(256_000, 2304, 9216, 26, 8, KeyValueHeads: 4, HeadSize: 256, 8192);

    /// <inheritdoc/>
    public override string ModelType => "gemma2";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "Gemma2ForSequenceClassification";

    /// <inheritdoc/>
    protected override DecoderShape ReadShape(DecoderConfig config)
    {
        config.RequireCausal();
        var shape = config.Read(Defaults);
        var bias = config.File.Flag("attention_bias", false);
        return shape with
        {
            Activation = Activation.Read(config.File, "hidden_activation", "gelu_pytorch_tanh"),
            Norms = DecoderNorms.AroundEachPart,
            NormsAddOne = true,
            EmbeddingScale = Math.Sqrt(shape.HiddenSize),
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            AttentionScale = 1 / Math.Sqrt(config.File.Number("query_pre_attn_scalar", 1e-6, 1e6, 256)),
            AttentionCap = config.File.IsNull("attn_logit_softcapping") ? null : config.File.Number("attn_logit_softcapping", 1e-6, 1e6, 50),
            FusedAttention = false,
            Windows = config.Windows(shape.Layers, config.Window(4096), layer => layer % 2 == 0),
            PadTokenId = shape.PadTokenId ?? 0,
        };
    }
}

using LoraArena.Learning.Models.Decoders;
using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Llama;

/// <summary>
/// Llama 2 to 3.3 (Touvron et al. 2023, arXiv:2307.09288; Grattafiori et al. 2024, arXiv:2407.21783), as Transformers'
/// <c>LlamaForSequenceClassification</c> has them.
/// </summary>
public sealed class LlamaFamily : DecoderFamily
{
    private static readonly DecoderDefaults Defaults = new(32000, 4096, 11008, 32, 32, KeyValueHeads: null, HeadSize: null, 2048);

    /// <inheritdoc/>
    public override string ModelType => "llama";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "LlamaForSequenceClassification";

    /// <inheritdoc/>
    protected override DecoderShape ReadShape(DecoderConfig config)
    {
        var bias = config.File.Flag("attention_bias", false);
        return config.Read(Defaults) with
        {
            Activation = Activation.Read(config.File, "hidden_act", "silu"),
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            FeedForwardBias = config.File.Flag("mlp_bias", false),
        };
    }
}

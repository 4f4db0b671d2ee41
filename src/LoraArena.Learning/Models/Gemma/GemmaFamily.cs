using LoraArena.Learning.Models.Decoders;
using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Gemma;

/// <summary>Gemma (Gemma Team 2024, arXiv:2403.08295), as Transformers' <c>GemmaForSequenceClassification</c> has it.</summary>
public sealed class GemmaFamily : DecoderFamily
{
    private static readonly DecoderDefaults Defaults = new(256_000, 3072, 24576, 28, 16, KeyValueHeads: 16, HeadSize: 256, 8192);

    /// <inheritdoc/>
    public override string ModelType => "gemma";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "GemmaForSequenceClassification";

    /// <inheritdoc/>
    protected override DecoderShape ReadShape(DecoderConfig config)
    {
        config.RequireCausal();
        var shape = config.Read(Defaults);
        var bias = config.File.Flag("attention_bias", false);
        return shape with
        {
            Activation = ReadActivation(config.File),
            NormsAddOne = true,
            EmbeddingScale = Math.Sqrt(shape.HiddenSize),
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            PadTokenId = shape.PadTokenId ?? 0,
        };
    }

    // The first files say "gelu" and mean its approximation, as Transformers takes them.
    private static Activation ReadActivation(ConfigReader config)
    {
        var field = config.Has("hidden_activation") ? "hidden_activation" : "hidden_act";
        return config.Text(field) == "gelu" ? Activation.GeluTanh : Activation.Read(config, field, "gelu_pytorch_tanh");
    }
}

using LoraArena.Learning.Models.Decoders;
using LoraArena.Learning.Models.Shared;

namespace LoraArena.Learning.Models.Mistral;

/// <summary>
/// Mistral (Jiang et al. 2023, arXiv:2310.06825), as Transformers' <c>MistralForSequenceClassification</c> has it: one window for all
/// layers, or none.
/// </summary>
public sealed class MistralFamily : DecoderFamily
{
    private static readonly DecoderDefaults Defaults = new(32000, 4096, 14336, 32, 32, KeyValueHeads: 8, HeadSize: null, 131_072);

    /// <inheritdoc/>
    public override string ModelType => "mistral";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "MistralForSequenceClassification";

    /// <inheritdoc/>
    protected override DecoderShape ReadShape(DecoderConfig config)
    {
        var shape = config.Read(Defaults);
        return shape with
        {
            Activation = Activation.Read(config.File, "hidden_act", "silu"),
            Windows = [.. Enumerable.Repeat(config.Window(4096), shape.Layers)],
        };
    }
}

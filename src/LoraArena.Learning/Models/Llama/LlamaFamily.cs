namespace LoraArena.Learning.Models.Llama;

/// <summary>Llama 2 type decoders (Touvron et al. 2023, arXiv:2307.09288), as Transformers' <c>LlamaForSequenceClassification</c> has them.</summary>
public sealed class LlamaFamily : ModelFamily
{
    /// <inheritdoc/>
    public override string ModelType => "llama";

    /// <inheritdoc/>
    public override ModelKind Kind => ModelKind.Decoder;

    /// <inheritdoc/>
    public override string Prefix => "model.";

    /// <inheritdoc/>
    public override string HeadPath => "score";

    /// <inheritdoc/>
    public override bool HeadHasBias => false;

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "LlamaForSequenceClassification";

    /// <inheritdoc/>
    public override ModelConfig ReadConfig(ConfigReader config) => LlamaConfig.Read(config);

    /// <inheritdoc/>
    public override Backbone Build(ModelConfig config, ModelBuilder builder) => new LlamaModel((LlamaConfig)config, builder);
}

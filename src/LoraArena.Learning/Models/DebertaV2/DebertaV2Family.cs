namespace LoraArena.Learning.Models.DebertaV2;

/// <summary>
/// DeBERTa v2 and v3 (He et al. 2020 and 2021, arXiv:2006.03654 and arXiv:2111.09543), as Transformers'
/// <c>DebertaV2ForSequenceClassification</c> has them.
/// </summary>
public sealed class DebertaV2Family : ModelFamily
{
    /// <inheritdoc/>
    public override string ModelType => "deberta-v2";

    /// <inheritdoc/>
    public override ModelKind Kind => ModelKind.Encoder;

    /// <inheritdoc/>
    public override string Prefix => "deberta.";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "DebertaV2ForSequenceClassification";

    /// <inheritdoc/>
    public override HeadShape Head(ModelConfig config) => HeadShape.OneLayer("classifier", bias: true);

    /// <inheritdoc/>
    public override ModelConfig ReadConfig(ConfigReader config) => DebertaV2Config.Read(config);

    /// <inheritdoc/>
    public override Backbone Build(ModelConfig config, ModelBuilder builder) => new DebertaV2Model((DebertaV2Config)config, builder);
}

namespace LoraArena.Learning.Models.Bert;

/// <summary>BERT (Devlin et al. 2018, arXiv:1810.04805), as Transformers' <c>BertForSequenceClassification</c> has it.</summary>
public sealed class BertFamily : ModelFamily
{
    /// <inheritdoc/>
    public override string ModelType => "bert";

    /// <inheritdoc/>
    public override ModelKind Kind => ModelKind.Encoder;

    /// <inheritdoc/>
    public override string Prefix => "bert.";

    /// <inheritdoc/>
    public override HeadShape Head(ModelConfig config) => HeadShape.OneLayer("classifier", bias: true);

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "BertForSequenceClassification";

    /// <inheritdoc/>
    public override ModelConfig ReadConfig(ConfigReader config) => BertConfig.Read(config);

    /// <inheritdoc/>
    public override Backbone Build(ModelConfig config, ModelBuilder builder) => new BertModel((BertConfig)config, builder);
}

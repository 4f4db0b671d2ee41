using LoraArena.Learning.Models.Bert;

namespace LoraArena.Learning.Models.Roberta;

/// <summary>
/// RoBERTa (Liu et al. 2019, arXiv:1907.11692), as Transformers' <c>RobertaForSequenceClassification</c> has it: BERT's encoder whose positions
/// begin after the padding's, without segments and pooler, and with a layer of its own in the head.
/// </summary>
public class RobertaFamily : ModelFamily
{
    /// <inheritdoc/>
    public override string ModelType => "roberta";

    /// <inheritdoc/>
    public override ModelKind Kind => ModelKind.Encoder;

    /// <inheritdoc/>
    public override string Prefix => "roberta.";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "RobertaForSequenceClassification";

    /// <inheritdoc/>
    public override HeadShape Head(ModelConfig config) => HeadShape.DenseAndProjection("classifier");

    /// <inheritdoc/>
    public override ModelConfig ReadConfig(ConfigReader config)
    {
        var read = BertConfig.Read(config, vocabularySize: 50265, padTokenId: 1);
        var first = read.PadTokenId!.Value + 1;
        if (read.MaxPositions <= first)
        {
            throw config.Error($"'max_position_embeddings' is {read.MaxPositions}, but positions begin at {first}, after the padding's");
        }

        return read with { Module = "roberta", FirstPosition = first, MaxPositions = read.MaxPositions - first, HasPooler = false, HasSegments = false };
    }

    /// <inheritdoc/>
    public override Backbone Build(ModelConfig config, ModelBuilder builder) => new BertModel((BertConfig)config, builder);
}

/// <summary>XLM-RoBERTa (Conneau et al. 2019, arXiv:1911.02116): the same model, trained on a hundred languages.</summary>
public sealed class XlmRobertaFamily : RobertaFamily
{
    /// <inheritdoc/>
    public override string ModelType => "xlm-roberta";

    /// <inheritdoc/>
    public override string ClassifierArchitecture => "XLMRobertaForSequenceClassification";
}

namespace LoraArena.Learning.Models.Decoders;

/// <summary>
/// What families of decoders have in common: Transformers' <c>GenericForSequenceClassification</c> puts one layer without bias on the last
/// real token.
/// </summary>
public abstract class DecoderFamily : ModelFamily
{
    /// <inheritdoc/>
    public sealed override ModelKind Kind => ModelKind.Decoder;

    /// <inheritdoc/>
    public sealed override string Prefix => "model.";

    /// <inheritdoc/>
    public sealed override HeadShape Head(ModelConfig config) => HeadShape.OneLayer("score", bias: false);

    /// <inheritdoc/>
    public sealed override ModelConfig ReadConfig(ConfigReader config) => ReadShape(new DecoderConfig(config));

    /// <inheritdoc/>
    public sealed override Backbone Build(ModelConfig config, ModelBuilder builder) => new DecoderModel((DecoderShape)config, builder);

    /// <summary>Reads the family's config.json, whose missing fields take the defaults of Transformers' class for it.</summary>
    /// <exception cref="ModelException">A field makes no sense, or asks for something that is not built.</exception>
    protected abstract DecoderShape ReadShape(DecoderConfig config);
}

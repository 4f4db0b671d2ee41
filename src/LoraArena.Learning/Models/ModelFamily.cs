namespace LoraArena.Learning.Models;

/// <summary>A kind of model, by config.json's <c>model_type</c>. One family is one folder, found by <see cref="ModelCatalog"/>.</summary>
public abstract class ModelFamily
{
    /// <summary>config.json's <c>model_type</c>.</summary>
    public abstract string ModelType { get; }

    /// <summary>Whether a token sees all others or only those before it; decides how battles are packed and pooled.</summary>
    public abstract ModelKind Kind { get; }

    /// <summary>What names begin with in a model with a head, such as <c>bert.</c>; a bare backbone's file leaves it out.</summary>
    public abstract string Prefix { get; }

    /// <summary>The classification head of Transformers' class for the family.</summary>
    public abstract HeadShape Head(ModelConfig config);

    /// <summary>Transformers' class of the model with a classification head.</summary>
    public abstract string ClassifierArchitecture { get; }

    /// <summary>Reads what the family needs of config.json.</summary>
    /// <exception cref="ModelException">A field is missing, makes no sense, or asks for something that is not built.</exception>
    public abstract ModelConfig ReadConfig(ConfigReader config);

    /// <summary>Builds the backbone.</summary>
    public abstract Backbone Build(ModelConfig config, ModelBuilder builder);
}

/// <summary>How tokens see one another.</summary>
public enum ModelKind
{
    /// <summary>Every token sees every other (BERT).</summary>
    Encoder,

    /// <summary>A token sees those before it (Llama).</summary>
    Decoder,
}

/// <summary>What every family's configuration tells. Families derive their own.</summary>
public abstract record ModelConfig
{
    /// <summary>Tokens known.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Longest sequence in tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Dropout on hidden states that the model was trained with.</summary>
    public double HiddenDropout { get; init; }

    /// <summary>Dropout on attention weights that the model was trained with.</summary>
    public double AttentionDropout { get; init; }

    /// <summary>Dropout on the pooled token, before the head.</summary>
    public double ClassifierDropout { get; init; }

    /// <summary>Which of a sequence's states the head looks at.</summary>
    public required Pooling Pooling { get; init; }

    /// <summary>What the rows of a head that the folder brings stand for: config.json's <c>id2label</c>, in order; null where it has none.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Id that fills short sequences, where config.json tells it.</summary>
    public int? PadTokenId { get; init; }
}

namespace LoraArena.Learning.Models;

/// <summary>Which of a sequence's states the head looks at.</summary>
public enum Pooling
{
    /// <summary>The first token's, as Transformers does for encoders.</summary>
    First,

    /// <summary>The last real token's, as Transformers does for decoders.</summary>
    Last,

    /// <summary>The mean of all real tokens'.</summary>
    Mean,
}

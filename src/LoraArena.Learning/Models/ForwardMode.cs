namespace LoraArena.Learning.Models;

/// <summary>How a forward pass is made.</summary>
/// <param name="Training">True while training: dropout acts, in the adapters too.</param>
/// <param name="HiddenDropout">Probability that an element of a hidden state is dropped.</param>
/// <param name="AttentionDropout">Probability that an attention weight is dropped.</param>
/// <param name="ClassifierDropout">Probability that an element of the pooled token is dropped before the head.</param>
public sealed record ForwardMode(bool Training, double HiddenDropout, double AttentionDropout, double ClassifierDropout)
{
    /// <summary>No dropout.</summary>
    public static ForwardMode Inference { get; } = new(false, 0, 0, 0);

    /// <summary>Where the pass's randomness comes from; null leaves it to libtorch's generator as it is.</summary>
    public PassRandom? Random { get; init; }

    /// <summary>True looks at real tokens alone in attention, false masks padding; null takes the first where the device has a kernel for it.</summary>
    public bool? AttendsWithoutPadding { get; init; }

    /// <summary>
    /// True where nobody looks at the numbers that come out, since the pass is made again for its gradients alone: a layer may leave out the product
    /// that only they need.
    /// </summary>
    public bool OutputUnused { get; init; }
}

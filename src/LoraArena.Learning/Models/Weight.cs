using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>
/// A named tensor of a model or an adapter. The tensor behind it may be exchanged (for a view into the optimiser's flat buffer), so modules
/// keep the weight and ask for its value at each use.
/// </summary>
/// <param name="name">Its name in Hugging Face's files.</param>
/// <param name="value">The tensor; owned by this object.</param>
public sealed class Weight(string name, Tensor value) : IDisposable
{
    /// <summary>Its name in Hugging Face's files.</summary>
    public string Name { get; } = name;

    /// <summary>The tensor.</summary>
    public Tensor Value { get; private set; } = value.DetachFromDisposeScope();

    /// <summary>Size of each dimension.</summary>
    public long[] Shape => Value.shape;

    /// <summary>Number of elements.</summary>
    public long Count => Value.numel();

    /// <summary>The tensor in a type, with gradients to it; in its own type it is the tensor itself.</summary>
    internal Tensor In(ScalarType type) => Value.dtype == type ? Value : Value.to(type);

    /// <summary>Puts another tensor of the same shape in place of the present one, which is disposed.</summary>
    internal void Replace(Tensor value)
    {
        Value.Dispose();
        Value = value.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => Value.Dispose();
}

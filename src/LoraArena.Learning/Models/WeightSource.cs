using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>Where a model's weights come from while it is built.</summary>
public abstract class WeightSource : IDisposable
{
    /// <summary>The shape of a stored weight; null where none is stored.</summary>
    public abstract IReadOnlyList<long>? ShapeOf(string name);

    /// <summary>True if there is a weight of that name, or one will be made.</summary>
    public virtual bool Has(string name) => ShapeOf(name) is not null;

    /// <summary>Gives a weight, on the device and in the type wanted. The caller owns it.</summary>
    /// <exception cref="ModelException">There is none, or its shape is another.</exception>
    public abstract Tensor Take(string name, long[] shape, Device device, ScalarType dtype);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what is held open.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>Starting weights of a model that is trained from nothing: biases 0, norms 1, everything else N(0, σ²), as BERT's.</summary>
/// <param name="deviation">σ: config.json's <c>initializer_range</c>.</param>
public sealed class RandomWeights(double deviation) : WeightSource
{
    /// <inheritdoc/>
    public override IReadOnlyList<long>? ShapeOf(string name) => null;

    /// <inheritdoc/>
    public override bool Has(string name) => true;

    /// <inheritdoc/>
    public override Tensor Take(string name, long[] shape, Device device, ScalarType dtype)
    {
        if (name.EndsWith("bias", StringComparison.Ordinal)) return zeros(shape, dtype, device);
        if (shape.Length == 1) return ones(shape, dtype, device);
        using var scope = NewDisposeScope();
        return randn(shape, dtype, CPU).mul_(deviation).to(device).MoveToOuterDisposeScope();
    }
}

/// <summary>A model folder that cannot be used.</summary>
public sealed class ModelException(string folder, string reason) : Exception($"{folder}: {reason}.")
{
    /// <summary>The folder.</summary>
    public string Folder { get; } = folder;
}

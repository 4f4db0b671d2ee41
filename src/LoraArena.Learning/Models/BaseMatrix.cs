using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

// N rows, I features in, O features out.

/// <summary>The matrix W [O, I] of a linear layer, in whatever form it is stored: numbers of some type, or codes of fewer bits.</summary>
public abstract class BaseMatrix : IDisposable
{
    /// <summary>Features in.</summary>
    public abstract long InFeatures { get; }

    /// <summary>Features out.</summary>
    public abstract long OutFeatures { get; }

    /// <summary>Where it lies.</summary>
    public abstract Device Device { get; }

    /// <summary>The type that products with it are computed in.</summary>
    public abstract ScalarType ComputeType { get; }

    /// <summary>Memory that it takes, in bytes.</summary>
    public abstract long Bytes { get; }

    /// <summary>How it is stored, as a run's facts name it: fp32, bf16, fp16, nf4, int8.</summary>
    public abstract string Precision { get; }

    /// <summary>W in a type, [O, I]. A matrix of that type gives itself; the result belongs to the caller's dispose scope.</summary>
    public abstract Tensor Dense(ScalarType type);

    /// <summary>x Wᵀ + b with gradients for x: [.., I] → [.., O].</summary>
    public virtual Tensor Forward(Tensor x, Tensor? bias)
    {
        if (bias is not { requires_grad: true }) return FrozenProduct.Of(x, this, bias);
        using var scope = NewDisposeScope();
        return (FrozenProduct.Of(x, this, null) + bias.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes of its tensors.</summary>
    protected abstract void Release();
}

/// <summary>A matrix of plain numbers. Its weight may be trained or exchanged.</summary>
/// <param name="weight">W, [O, I].</param>
public sealed class DenseMatrix(Weight weight) : BaseMatrix
{
    /// <summary>W, [O, I].</summary>
    public Weight Weight { get; } = weight;

    /// <inheritdoc/>
    public override long InFeatures => Weight.Shape[1];

    /// <inheritdoc/>
    public override long OutFeatures => Weight.Shape[0];

    /// <inheritdoc/>
    public override Device Device => Weight.Value.device;

    /// <inheritdoc/>
    public override ScalarType ComputeType => Weight.Value.dtype;

    /// <inheritdoc/>
    public override long Bytes => Weight.Count * Weight.Value.ElementSize;

    /// <inheritdoc/>
    public override string Precision => Precisions.Name(ComputeType);

    /// <inheritdoc/>
    public override Tensor Dense(ScalarType type) => Weight.Value.dtype == type ? Weight.Value : Weight.Value.to(type);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, Tensor? bias)
    {
        var trains = Weight.Value.requires_grad || bias is { requires_grad: true };
        if (!trains && x.dtype == ComputeType && MatrixProduct.Library != ProductLibrary.Mkl && x.device_type == DeviceType.CPU) return base.Forward(x, bias);

        // What trains is kept in fp32, and computes in the type of the activations.
        using var scope = NewDisposeScope();
        return LinearProduct.Of(x.contiguous(), Weight.In(x.dtype), bias?.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Release() => Weight.Dispose();
}

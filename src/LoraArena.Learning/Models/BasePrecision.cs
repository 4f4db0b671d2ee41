using LoraArena.Learning.Models.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>How base weights are kept: a type to compute in, and for the matrices of linear layers perhaps fewer bits.</summary>
/// <param name="Name">As a run's options and facts name it.</param>
/// <param name="ComputeType">The type of activations and of weights that are kept as numbers.</param>
public sealed record BasePrecision(string Name, ScalarType ComputeType)
{
    // Smaller matrices gain nothing and lose most.
    internal const long SmallestQuantized = 4096;

    /// <summary>Numbers of 32 bits.</summary>
    public static BasePrecision Full { get; } = new("fp32", ScalarType.Float32);

    /// <summary>True if matrices are kept as codes of fewer bits.</summary>
    public bool IsQuantized => Name is Precisions.Nf4 or Precisions.Int8;

    /// <summary>The precision of a name.</summary>
    /// <param name="name">auto, fp32, bf16, fp16, int8 or nf4.</param>
    /// <param name="bestType">The type that suits the device.</param>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static BasePrecision Of(string name, ScalarType bestType) => name switch
    {
        Precisions.Auto => new(Precisions.Name(bestType), bestType),
        Precisions.Nf4 or Precisions.Int8 => new(name, bestType),
        _ => new(name, Precisions.Type(name) ?? throw new ArgumentException($"There is no precision '{name}'.", nameof(name))),
    };

    /// <summary>The matrix of a linear layer in this form. A weight that is quantised is disposed.</summary>
    public BaseMatrix Matrix(Weight weight)
    {
        if (!IsQuantized || weight.Count < SmallestQuantized || weight.Value.device_type == DeviceType.META) return new DenseMatrix(weight);
        BaseMatrix matrix = Name == Precisions.Nf4 ? Nf4Matrix.Quantize(weight.Value, ComputeType) : Int8Matrix.Quantize(weight.Value, ComputeType);
        weight.Dispose();
        return matrix;
    }
}

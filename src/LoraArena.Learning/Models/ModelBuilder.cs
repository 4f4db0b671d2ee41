using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>Hands weights to the modules of a model while it is built, and keeps the list of all that it handed out.</summary>
/// <param name="source">Where they come from.</param>
/// <param name="device">Where they go.</param>
/// <param name="precision">How they are kept.</param>
public sealed class ModelBuilder(WeightSource source, Device device, BasePrecision precision)
{
    /// <summary>Hands out weights as plain numbers.</summary>
    /// <param name="source">Where they come from.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="dtype">The type they are computed in.</param>
    public ModelBuilder(WeightSource source, Device device, ScalarType dtype) : this(source, device, new BasePrecision(Precisions.Name(dtype), dtype))
    {
    }

    private readonly List<Weight> _weights = [];
    private readonly List<Projection> _sites = [];

    /// <summary>Every weight, in the order of building.</summary>
    public IReadOnlyList<Weight> Weights => _weights;

    /// <summary>Every linear layer of the backbone: what can carry an adapter.</summary>
    public IReadOnlyList<Projection> Sites => _sites;

    /// <summary>The device of every weight.</summary>
    public Device Device { get; } = device;

    /// <summary>The type of every weight.</summary>
    public ScalarType Dtype { get; } = precision.ComputeType;

    /// <summary>A weight by its name.</summary>
    /// <exception cref="ModelException">It is missing or of another shape.</exception>
    public Weight Weight(string name, params long[] shape)
    {
        var weight = new Weight(name, source.Take(name, shape, Device, Dtype));
        _weights.Add(weight);
        return weight;
    }

    /// <summary>A linear layer of the backbone, a site for adapters.</summary>
    /// <param name="path">Its path in Hugging Face's model with a head.</param>
    /// <param name="inFeatures">Width of what goes in.</param>
    /// <param name="outFeatures">Width of what comes out.</param>
    /// <param name="bias">True if it adds a bias.</param>
    public Projection Projection(string path, long inFeatures, long outFeatures, bool bias)
    {
        var weight = new Weight(path + ".weight", source.Take(path + ".weight", [outFeatures, inFeatures], Device, Dtype));
        var matrix = precision.Matrix(weight);
        if (matrix is DenseMatrix) _weights.Add(weight);
        var projection = new Projection(path, matrix, bias ? Weight(path + ".bias", outFeatures) : null);
        _sites.Add(projection);
        return projection;
    }
}

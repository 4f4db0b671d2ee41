using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>A linear layer y = x Wᵀ + b with a slot for an adapter. I features in, O features out.</summary>
/// <param name="path">Its path in Hugging Face's model, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="matrix">W, [O, I].</param>
/// <param name="bias">b, [O]; null for none.</param>
public sealed class Projection(string path, BaseMatrix matrix, Weight? bias)
{
    /// <summary>Makes a layer of plain numbers.</summary>
    /// <param name="path">Its path in Hugging Face's model.</param>
    /// <param name="weight">W, [O, I].</param>
    /// <param name="bias">b, [O]; null for none.</param>
    public Projection(string path, Weight weight, Weight? bias) : this(path, new DenseMatrix(weight), bias)
    {
    }

    /// <summary>Its path in Hugging Face's model.</summary>
    public string Path { get; } = path;

    /// <summary>W, in whatever form it is stored.</summary>
    public BaseMatrix Matrix { get; private set; } = matrix;

    /// <summary>W as numbers that can be changed, [O, I].</summary>
    /// <exception cref="InvalidOperationException">The matrix is quantised; read <see cref="Matrix"/> instead.</exception>
    public Weight Weight
        => (Matrix as DenseMatrix)?.Weight ?? throw new InvalidOperationException($"The weight of {Path} is kept as {Matrix.Precision} and cannot be changed.");

    /// <summary>b, [O].</summary>
    public Weight? Bias { get; } = bias;

    /// <summary>Features in.</summary>
    public long InFeatures => Matrix.InFeatures;

    /// <summary>Features out.</summary>
    public long OutFeatures => Matrix.OutFeatures;

    /// <summary>Where it lies.</summary>
    public Device Device => Matrix.Device;

    /// <summary>Path and widths.</summary>
    public SiteShape Shape => new(Path, InFeatures, OutFeatures);

    /// <summary>What a variant has put here; null for the plain layer.</summary>
    public AdapterLayer? Adapter { get; set; }

    /// <summary>Sees every input of the layer while it is set; null for nobody.</summary>
    public Action<Tensor>? Probe { get; set; }

    /// <summary>[…, I] → […, O].</summary>
    public Tensor Forward(Tensor x, ForwardMode mode)
    {
        Probe?.Invoke(x);
        if (Adapter is { } adapter) return adapter.Forward(x, mode);
        return mode.OutputUnused && !Trains ? FrozenProduct.OfUnused(x, Matrix) : Base(x);
    }

    /// <summary>Layers that read the same input, such as query, key and value: a variant that can computes them together.</summary>
    /// <param name="x">The input of all, […, I].</param>
    /// <param name="mode">How the pass is made.</param>
    /// <param name="layers">The layers.</param>
    /// <returns>Their outputs, in order.</returns>
    public static IReadOnlyList<Tensor> ForwardTogether(Tensor x, ForwardMode mode, params IReadOnlyList<Projection> layers)
    {
        foreach (var layer in layers) layer.Probe?.Invoke(x);
        if (layers[0].Adapter is { } first && layers.All(layer => layer.Adapter is { } adapter && first.JoinsWith(adapter)))
        {
            return first.ForwardTogether(x, mode, [.. layers.Select(layer => layer.Adapter!)]);
        }

        return [.. layers.Select(layer => layer.Adapter is { } adapter ? adapter.Forward(x, mode) : layer.Base(x))];
    }

    /// <summary>Queries, keys and values: together where queries read the same tokens as keys and values do, else the last two.</summary>
    /// <param name="queryInput">The input of the first layer.</param>
    /// <param name="x">The input of the others.</param>
    /// <param name="mode">How the pass is made.</param>
    /// <param name="query">The layer of the queries.</param>
    /// <param name="key">The layer of the keys.</param>
    /// <param name="value">The layer of the values.</param>
    /// <returns>Their outputs, in order.</returns>
    public static IReadOnlyList<Tensor> ForwardTogether(Tensor queryInput, Tensor x, ForwardMode mode, Projection query, Projection key, Projection value)
        => ReferenceEquals(queryInput, x)
            ? ForwardTogether(x, mode, query, key, value)
            : [query.Forward(queryInput, mode), .. ForwardTogether(x, mode, key, value)];

    /// <summary>Puts numbers in place of the matrix, whatever form it had.</summary>
    /// <param name="w">W, [O, I].</param>
    internal void Replace(Tensor w)
    {
        if (Matrix is DenseMatrix dense)
        {
            dense.Weight.Value.copy_(w);
            return;
        }

        var type = Matrix.ComputeType;
        Matrix.Dispose();
        Matrix = new DenseMatrix(new Weight(Path + ".weight", w.to(type)));
    }

    private bool Trains => Matrix is DenseMatrix { Weight.Value.requires_grad: true } || Bias is { Value.requires_grad: true };

    /// <summary>The layer without its adapter: [.., I] → [.., O].</summary>
    public Tensor Base(Tensor x) => Matrix.Forward(x, Bias?.Value);
}

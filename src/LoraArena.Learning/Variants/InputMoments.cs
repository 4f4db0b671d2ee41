using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// N tokens, I features.

/// <summary>Mean and second moment of a layer's inputs, which come in parts; how they are cut makes no difference but rounding.</summary>
public sealed class InputMoments : IDisposable
{
    private readonly Tensor _outerII;
    private readonly Tensor _sumI;
    private readonly Tensor _largest;
    private long _rows;

    /// <summary>Nothing seen yet.</summary>
    /// <param name="features">Width of the inputs.</param>
    /// <param name="device">Where they are.</param>
    public InputMoments(long features, Device device)
    {
        _outerII = zeros([features, features], ScalarType.Float64, device).DetachFromDisposeScope();
        _sumI = zeros([features], ScalarType.Float64, device).DetachFromDisposeScope();
        _largest = zeros([], ScalarType.Float64, device).DetachFromDisposeScope();
    }

    /// <summary>Takes rows in, [N, I].</summary>
    public void Add(Tensor rowsNI)
    {
        using var scope = NewDisposeScope();
        var x = rowsNI.to(ScalarType.Float32);
        _outerII.add_(mm(x.t(), x));
        _sumI.add_(x.sum([0], type: ScalarType.Float64));
        _largest.copy_(maximum(_largest, x.abs().max().to(ScalarType.Float64)));
        _rows += x.shape[0];
    }

    /// <summary>Σ x xᵀ / N of inputs divided by the largest number in them, fp64 [I, I].</summary>
    public Tensor SecondMoment() => _outerII / (_largest.square().clamp_min(1e-300) * _rows);

    /// <summary>
    /// The principal components: axes of length 1 [Q, I], the deviation along each [Q], and its part of the whole variance [Q], largest first, fp64.
    /// </summary>
    public (Tensor AxesQI, Tensor DeviationsQ, Tensor RatiosQ) Components(long count, long seed, int index)
    {
        using var scope = NewDisposeScope();
        var mean = _sumI / _rows;
        var covariance = (_outerII - (_rows * mean.unsqueeze(1) * mean.unsqueeze(0))) / Math.Max(1, _rows - 1);
        var (_, variances, axes) = LowRank.Svd(covariance, count, seed, index);
        return (
            axes.MoveToOuterDisposeScope(), variances.sqrt().MoveToOuterDisposeScope(),
            (variances / covariance.diagonal().sum().clamp_min(1e-300)).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _outerII.Dispose();
        _sumI.Dispose();
        _largest.Dispose();
    }
}

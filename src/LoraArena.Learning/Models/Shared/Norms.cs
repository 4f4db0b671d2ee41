using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

/// <summary>Layer normalisation with weight and bias (Ba et al. 2016, arXiv:1607.06450).</summary>
internal sealed class LayerNorm(string path, int size, double eps, ModelBuilder builder)
{
    private readonly long[] _shape = [size];
    private readonly Weight _weight = builder.Weight(path + ".weight", size);
    private readonly Weight _bias = builder.Weight(path + ".bias", size);

    /// <summary>[…, D] → […, D].</summary>
    public Tensor Forward(Tensor x) => nn.functional.layer_norm(x, _shape, _weight.Value, _bias.Value, eps);
}

/// <summary>x / √(mean x² + ε) · w, computed in fp32 (Zhang and Sennrich 2019, arXiv:1910.07467). TorchSharp has none.</summary>
/// <param name="path">Path of the module.</param>
/// <param name="size">D.</param>
/// <param name="eps">ε.</param>
/// <param name="builder">Hands out the weight.</param>
/// <param name="addOne">True for a factor of 1 + w, in fp32 too (Gemma).</param>
internal sealed class RmsNorm(string path, int size, double eps, ModelBuilder builder, bool addOne = false)
{
    private readonly Weight _weight = builder.Weight(path + ".weight", size);

    /// <summary>[…, D] → […, D].</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var x32 = x.to(ScalarType.Float32);
        var unit = x32 * x32.square().mean([-1], keepdim: true).add_(eps).rsqrt();
        var scaled = addOne ? (unit * (_weight.Value.to(ScalarType.Float32) + 1)).to(x.dtype) : _weight.Value * unit.to(x.dtype);
        return scaled.MoveToOuterDisposeScope();
    }
}

/// <summary>Dropout that does nothing, and makes no tensor, where it need not.</summary>
internal static class Dropout
{
    /// <summary>Drops elements with probability <paramref name="p"/> while training.</summary>
    public static Tensor Apply(Tensor x, double p, ForwardMode mode) => mode.Training && p > 0 ? nn.functional.dropout(x, p, training: true) : x;
}

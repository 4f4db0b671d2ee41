using LoraArena.Learning.Devices;
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
    public Tensor Forward(Tensor x) => nn.functional.layer_norm(x, _shape, _weight.In(x.dtype), _bias.In(x.dtype), eps);
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
        if (!addOne) return TorchOps.RmsNorm(x, _weight.In(x.dtype), eps);
        using var scope = NewDisposeScope();
        return TorchOps.RmsNorm(x.to(ScalarType.Float32), _weight.Value.to(ScalarType.Float32) + 1, eps).to(x.dtype).MoveToOuterDisposeScope();
    }
}

/// <summary>Dropout that does nothing, and makes no tensor, where it need not.</summary>
internal static class Dropout
{
    /// <summary>Drops elements with probability <paramref name="p"/> while training.</summary>
    public static Tensor Apply(Tensor x, double p, ForwardMode mode)
        => !mode.Training || p == 0 ? x : mode.Random is { } random ? SeededDropout.Of(x, p, random.NextSeed()) : nn.functional.dropout(x, p, training: true);
}

/// <summary>Dropout whose mask is made again from its seed in the backward pass.</summary>
internal sealed class SeededDropout : autograd.SingleTensorFunction<SeededDropout>
{
    /// <inheritdoc/>
    public override string Name => nameof(SeededDropout);

    /// <summary>Drops elements with probability <paramref name="p"/> and scales the others so that the mean stays.</summary>
    public static Tensor Of(Tensor x, double p, long seed)
    {
        using var scope = NewDisposeScope();
        if (is_grad_enabled() && x.requires_grad) return apply(x, new Call(p, seed)).MoveToOuterDisposeScope();
        return Drop(x, new Call(p, seed)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.set_materialize_grads(false);
        ctx.save_data(nameof(Call), vars[1]);
        return Drop((Tensor)vars[0], (Call)vars[1]);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        => BackwardCall.Run(
            ctx, [grad_output], 2,
            (_, outputs) => [outputs[0] is { } gradient ? Drop(gradient, (Call)ctx.get_data(nameof(Call))) : null, null]);

    private static Tensor Drop(Tensor x, Call call) => DropoutMask.Like(x, call.P, call.Seed).mul_(x).mul_(1 / (1 - call.P));

    private sealed record Call(double P, long Seed);
}

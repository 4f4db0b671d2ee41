using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

// N rows, I features in, O features out.

/// <summary>
/// x Wᵀ + b where W and b are not trained: the backward pass needs W alone, which is asked for again then, so that a quantised matrix is expanded
/// twice and never kept.
/// </summary>
internal sealed class FrozenProduct : autograd.SingleTensorFunction<FrozenProduct>
{
    /// <inheritdoc/>
    public override string Name => nameof(FrozenProduct);

    /// <summary>[.., I] → [.., O].</summary>
    public static Tensor Of(Tensor x, BaseMatrix matrix, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        if (is_grad_enabled() && x.requires_grad) return apply(x, new Call(matrix, bias)).MoveToOuterDisposeScope();
        return Product(x, matrix, bias).MoveToOuterDisposeScope();
    }

    /// <summary>The same where nobody looks at the numbers: the shape, and the gradient for x.</summary>
    public static Tensor OfUnused(Tensor x, BaseMatrix matrix)
    {
        using var scope = NewDisposeScope();
        return apply(x, new Call(matrix, null) { IsUnused = true }).MoveToOuterDisposeScope();
    }

    /// <summary>A tensor of a shape that takes the memory of one number.</summary>
    internal static Tensor Unused(Tensor like, long width)
    {
        using var scope = NewDisposeScope();
        return zeros([1], like.dtype, like.device).expand([.. like.shape[..^1], width]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (Call)vars[1];
        ctx.set_materialize_grads(false);
        ctx.save_data(nameof(Call), call);
        var x = (Tensor)vars[0];
        return call.IsUnused ? Unused(x, call.Matrix.OutFeatures) : Product(x, call.Matrix, call.Bias);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => BackwardCall.Run(ctx, [grad_output], 2, (_, outputs) =>
    {
        if (outputs[0] is not { } gradient) return [null, null];
        var matrix = ((Call)ctx.get_data(nameof(Call))).Matrix;
        return [Shaped(MatrixProduct.Of(gradient.reshape(-1, matrix.OutFeatures), matrix.Dense(gradient.dtype).t()), gradient), null];
    });

    private static Tensor Product(Tensor x, BaseMatrix matrix, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        return Shaped(MatrixProduct.Of(x.reshape(-1, matrix.InFeatures), matrix.Dense(x.dtype), bias?.to(x.dtype)), x).MoveToOuterDisposeScope();
    }

    private static Tensor Shaped(Tensor rows, Tensor like) => rows.view([.. like.shape[..^1], rows.shape[1]]);

    private sealed record Call(BaseMatrix Matrix, Tensor? Bias)
    {
        public bool IsUnused { get; init; }
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

// N rows, I features in, O features out.

/// <summary>x Wᵀ + b with gradients for each of them that wants one: libtorch's linear layer, or <see cref="MatrixProduct"/> where that is faster.</summary>
public sealed class LinearProduct : autograd.SingleTensorFunction<LinearProduct>
{
    /// <inheritdoc/>
    public override string Name => nameof(LinearProduct);

    /// <summary>[…, I] × [O, I] → […, O].</summary>
    /// <param name="x">The input.</param>
    /// <param name="w">The matrix.</param>
    /// <param name="bias">What is added to each row, [O]; null for nothing.</param>
    public static Tensor Of(Tensor x, Tensor w, Tensor? bias = null)
    {
        using var scope = NewDisposeScope();

        // Of rows of more than one index, as of rows with gaps, libtorch makes a product and a sum, which round once more than the one call that it makes
        // of a matrix: neither the shape nor an adapter may change that.
        if (!MatrixProduct.IsOwn(x, w) || bias?.dtype is not (null or ScalarType.Float32))
        {
            return nn.functional.linear(x.reshape(-1, w.shape[1]), w, bias).view([.. x.shape[..^1], w.shape[0]]).MoveToOuterDisposeScope();
        }

        var call = new Call(x.requires_grad, w.requires_grad, x.shape);
        if (!is_grad_enabled() || !(call.NeedsX || call.NeedsW || bias is { requires_grad: true })) return Product(x, w, bias).MoveToOuterDisposeScope();
        return (bias is null ? apply(x, call, w) : apply(x, call, w, bias)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, call, w) = ((Tensor)vars[0], (Call)vars[1], (Tensor)vars[2]);
        ctx.set_materialize_grads(false);
        ctx.save_data(nameof(Call), call with { Arguments = vars.Length });

        // The gradient of each needs the other.
        ctx.save_for_backward([.. call.NeedsW ? [x] : Array.Empty<Tensor>(), .. call.NeedsX ? [w] : Array.Empty<Tensor>()]);
        return Product(x, w, vars.Length > 3 ? (Tensor)vars[3] : null);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(nameof(Call));
        return BackwardCall.Run(ctx, [grad_output], call.Arguments, (saved, outputs) =>
        {
            var gradients = new Tensor?[call.Arguments];
            if (outputs[0] is not { } output) return gradients;
            var gNO = output.reshape(-1, output.shape[^1]);
            if (call.NeedsX) gradients[0] = MatrixProduct.Of(gNO, saved[^1].t()).view(call.InputShape);
            if (call.NeedsW) gradients[2] = MatrixProduct.Of(gNO.t(), saved[0].reshape(-1, call.InputShape[^1]).t());
            if (call.Arguments > 3) gradients[3] = gNO.sum(dim: 0);
            return gradients;
        });
    }

    private static Tensor Product(Tensor x, Tensor w, Tensor? bias) => MatrixProduct.Of(x.reshape(-1, w.shape[1]), w, bias).view([.. x.shape[..^1], w.shape[0]]);

    private sealed record Call(bool NeedsX, bool NeedsW, long[] InputShape)
    {
        public int Arguments { get; init; }
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

/// <summary>
/// What the backward pass of every autograd function of ours has to do besides arithmetic. libtorch calls it: an exception must not pass through
/// (it would end the process), incoming gradients have handles that nobody else disposes, and what is returned must live until libtorch has
/// taken it.
/// </summary>
public static class BackwardCall
{
    private static Exception? _failure;

    [ThreadStatic]
    private static List<Tensor>? _returned;

    /// <summary>Runs the arithmetic inside a dispose scope.</summary>
    /// <param name="ctx">The function's context; what it has saved is freed afterwards.</param>
    /// <param name="outputs">Gradients of the function's outputs.</param>
    /// <param name="inputs">Number of the function's arguments.</param>
    /// <param name="compute">Saved tensors and gradients of the outputs (null for zero) → gradients of the arguments (null for none).</param>
    public static List<Tensor> Run(autograd.AutogradContext ctx, IReadOnlyList<Tensor> outputs, int inputs, Func<IReadOnlyList<Tensor>, IReadOnlyList<Tensor?>, IReadOnlyList<Tensor?>> compute)
    {
        Forget();
        _returned = [];
        try
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var gradients = compute(ctx.get_saved_variables() ?? [], [.. outputs]);
            foreach (var gradient in gradients.OfType<Tensor>().Distinct()) _returned.Add(gradient.DetachFromDisposeScope());
            return [.. gradients.Select(gradient => gradient!)];
        }
        catch (Exception error)
        {
            // Reported by the caller of backward: see Check. Without gradients the pass ends by itself.
            _failure ??= error;
            return [.. Enumerable.Repeat<Tensor>(null!, inputs)];
        }
        finally
        {
            foreach (var gradient in outputs) gradient?.Dispose();
            ctx.Dispose();
        }
    }

    /// <summary>Throws what went wrong in a backward pass since the last call; call it after every pass.</summary>
    public static void Check()
    {
        Forget();
        if (Interlocked.Exchange(ref _failure, null) is { } failure) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }

    // What this thread returned is libtorch's own by the next call.
    private static void Forget()
    {
        foreach (var tensor in _returned ?? []) tensor.Dispose();
        _returned = null;
    }
}

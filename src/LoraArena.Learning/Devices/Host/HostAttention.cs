using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices.Host;

// B sequences, T tokens, H query heads, G key and value heads, K head size.

/// <summary>
/// softmax(scale · Q Kᵀ) V in fp32 on a processor with AVX2 or AVX-512, and its gradients, block by block without keeping the weights of all pairs (Dao et al.
/// 2022, arXiv:2205.14135). libtorch's kernel on the CPU spends most of its time in products too small for its library; these stay in the caches. What no
/// query sees is not computed: padding, later tokens, tokens outside the window.
/// </summary>
public sealed class HostAttention : autograd.SingleTensorFunction<HostAttention>
{
    // MKL, which libtorch takes, multiplies as fast as these kernels where it gets all of a processor's units: there they gain what they leave out.
    private const double MostSeen = 0.8;

    /// <inheritdoc/>
    public override string Name => nameof(HostAttention);

    /// <summary>True if this processor has the instructions.</summary>
    public static bool IsSupported => Fma.IsSupported && Avx2.IsSupported;

    /// <summary>True if this processor has the instructions, the numbers are those it takes, and libtorch would take longer.</summary>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="lengths">Real tokens of each sequence; null where all are.</param>
    /// <param name="causal">True if a token sees itself and those before it alone.</param>
    /// <param name="window">How many of those it sees, itself among them; null for all.</param>
    public static bool Takes(Tensor q, Tensor k, IReadOnlyList<int>? lengths, bool causal, int? window)
        => IsSupported && q.dtype == ScalarType.Float32 && q.device_type == DeviceType.CPU && q.shape[2] == k.shape[2]
            && (MatrixProduct.Library == ProductLibrary.Own || Seen(q.shape[0], q.shape[2], lengths, causal || window is not null, window) <= MostSeen);

    // The share of all pairs of tokens that is computed.
    private static double Seen(long batch, long tokens, IReadOnlyList<int>? lengths, bool causal, int? window)
    {
        return (lengths is null ? batch * Pairs(tokens) : lengths.Sum(length => Pairs(length))) / batch / tokens / tokens;

        double Pairs(double length)
        {
            if (!causal) return length * length;
            var hidden = Math.Max(0, length - (window ?? length));
            return ((length * (length + 1)) - (hidden * (hidden + 1))) / 2;
        }
    }

    /// <summary>[B, H, T, K], keys and values [B, G, T, K] → [B, H, T, K]; zeros at padding.</summary>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="lengths">Real tokens of each sequence; null where all are.</param>
    /// <param name="causal">True if a token sees itself and those before it alone.</param>
    /// <param name="window">How many of those it sees, itself among them; null for all.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public static Tensor Of(Tensor q, Tensor k, Tensor v, IReadOnlyList<int>? lengths, bool causal, int? window, double scale)
    {
        using var scope = NewDisposeScope();
        var shape = new AttentionShape(q.shape, k.shape[1], lengths, causal || window is not null, window, (float)scale);
        if (is_grad_enabled() && (q.requires_grad || k.requires_grad || v.requires_grad)) return apply(q, k, v, shape).MoveToOuterDisposeScope();
        var (qRows, kRows, vRows) = (Rows(q), Rows(k), Rows(v));
        return shape.Forward(qRows, kRows, vRows, null).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (q, k, v, shape) = (Rows((Tensor)vars[0]), Rows((Tensor)vars[1]), Rows((Tensor)vars[2]), (AttentionShape)vars[3]);
        ctx.set_materialize_grads(false);
        ctx.save_data(nameof(AttentionShape), shape);
        var logSumBHT = empty([shape.Batch, shape.Heads, shape.Tokens], ScalarType.Float32, CPU);
        var context = shape.Forward(q, k, v, logSumBHT);
        ctx.save_for_backward([q, k, v, context, logSumBHT]);
        return context;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => BackwardCall.Run(ctx, [grad_output], 4, (saved, outputs) =>
    {
        if (outputs[0] is not { } gradient) return [null, null, null, null];
        var shape = (AttentionShape)ctx.get_data(nameof(AttentionShape));
        return [.. shape.Backward(saved[0], saved[1], saved[2], saved[3], saved[4], Rows(gradient)), null];
    });

    // The kernels step over tokens and heads by any distance, but read a head's numbers side by side.
    private static Tensor Rows(Tensor x) => x.stride(3) == 1 || x.shape[3] == 1 ? x : x.contiguous();
}

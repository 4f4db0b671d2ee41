using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

// N rows, I features in, O features out, B sequences, T tokens, H query heads, G key and value heads, K head size.

/// <summary>
/// Operators of libtorch that TorchSharp does not bind, reached through TorchScript, each beside a composed form that gives the same. The
/// scripts are constants: an error while one is compiled ends the process, so tests run every one. Numbers go in as tensors on the CPU, since
/// TorchSharp hands other numbers over by a pointer that the garbage collector may free before the call.
/// </summary>
public static partial class TorchOps
{
    private const string Scripts = """
        def rms_norm(x, w, eps):
            return torch.rms_norm(x, [w.size(0)], w, float(eps))

        def attention(q, k, v, mask: Optional[Tensor], causal: bool, dropout, scale):
            return torch.scaled_dot_product_attention(q, k, v, mask, float(dropout), causal, scale=float(scale), enable_gqa=True)

        def ragged_attention(q, k, v, starts, longest, causal: bool, window, scale):
            n = int(longest)
            return torch._flash_attention_forward(q, k, v, starts, starts, n, n, 0.0, causal, False, scale=float(scale), window_size_left=int(window))[0]

        def adamw(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor], lr, decay):
            torch._fused_adamw_(p, g, m, v, [], steps, lr=float(lr), beta1=0.9, beta2=0.999, weight_decay=float(decay), eps=1e-8, amsgrad=False, maximize=False)
            return p[0]
        """;

    private static readonly Lazy<jit.CompilationUnit> Unit = new(() => jit.compile(Scripts + "\n"));

    /// <summary>
    /// True where attention's operator takes fewer key heads than query heads on a device without keeping the weights of all pairs of tokens; the
    /// composed form repeats them. On the CPU it takes them, but leaves its kernel for plain products, which keep T² numbers a head.
    /// </summary>
    public static bool HasGroupedAttention(Device device) => device.type is DeviceType.CUDA;

    /// <summary>x / √(mean x² + ε) · w, in fp32 within: [.., D] → [.., D].</summary>
    public static Tensor RmsNorm(Tensor x, Tensor w, double eps) => x.device_type == DeviceType.CUDA
        ? Call("rms_norm", x, w, Number(eps))
        : RmsNormComposed(x, w, eps);

    /// <summary>The operator itself, whatever the device.</summary>
    public static Tensor RmsNormFused(Tensor x, Tensor w, double eps) => Call("rms_norm", x, w, Number(eps));

    /// <summary>The same of plain operations.</summary>
    public static Tensor RmsNormComposed(Tensor x, Tensor w, double eps)
    {
        using var scope = NewDisposeScope();
        var x32 = x.to(ScalarType.Float32);
        var inverse = x32.square().mean([-1], keepdim: true).add_(eps).rsqrt();
        return (w * (x32 * inverse).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Attention with any scale, where several query heads may share a key and a value head: q [B, H, T, K], k and v [B, G, S, K] → [B, H,
    /// T, K].
    /// </summary>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="mask">What is added to the scores; null for nothing. Not together with <paramref name="causal"/>.</param>
    /// <param name="causal">True if a token sees those before it alone.</param>
    /// <param name="dropout">Share of attention weights that are dropped.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double dropout, double scale)
    {
        if (!HasGroupedAttention(q.device)) return AttentionComposed(q, k, v, mask, causal, dropout, scale);
        if (k.shape[1] == q.shape[1] && scale == 1 / Math.Sqrt(q.shape[^1])) return nn.functional.scaled_dot_product_attention(q, k, v, mask, dropout, causal);
        return AttentionFused(q, k, v, mask, causal, dropout, scale);
    }

    /// <summary>The operator itself, whatever the device.</summary>
    public static Tensor AttentionFused(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double dropout, double scale)
        => Call("attention", q, k, v, mask!, causal, Number(dropout), Number(scale));

    /// <summary>The same with what TorchSharp binds: heads are repeated, and the queries carry the scale.</summary>
    public static Tensor AttentionComposed(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double dropout, double scale)
    {
        using var scope = NewDisposeScope();
        if (q.device_type == DeviceType.META) return AttentionOfProducts(q, Repeat(k, q.shape[1]), Repeat(v, q.shape[1]), scale).MoveToOuterDisposeScope();
        var scaled = scale == 1 / Math.Sqrt(q.shape[^1]) ? q : q * (scale * Math.Sqrt(q.shape[^1]));
        return nn.functional.scaled_dot_product_attention(
            scaled, Repeat(k, q.shape[1]), Repeat(v, q.shape[1]), mask, dropout, causal).MoveToOuterDisposeScope();
    }

    // Shapes alone: the meta device has no kernel of attention, and a mask changes no shape.
    private static Tensor AttentionOfProducts(Tensor q, Tensor k, Tensor v, double scale)
    {
        using var scope = NewDisposeScope();
        var scores = bmm(q.flatten(0, 1), k.flatten(0, 1).transpose(1, 2)).mul(scale);
        return bmm(nn.functional.softmax(scores, -1), v.flatten(0, 1)).view(q.shape[0], q.shape[1], q.shape[2], v.shape[3]).MoveToOuterDisposeScope();
    }

    /// <summary>True where <see cref="AdamW"/> has a kernel.</summary>
    public static bool HasAdamW(Device device) => device.type is DeviceType.CPU or DeviceType.CUDA;

    /// <summary>One step of AdamW with β 0.9 and 0.999 and ε 1e-8 in one kernel; the caller has counted <paramref name="step"/> up.</summary>
    public static void AdamW(Tensor values, Tensor gradient, Tensor first, Tensor second, Tensor step, double learningRate, double weightDecay)
        => Call(
            "adamw", new[] { values }, new[] { gradient }, new[] { first }, new[] { second }, new[] { step }, Number(learningRate),
            Number(weightDecay)).Dispose();

    /// <summary>The same of plain operations. β, ε and the corrections are those of <c>torch.optim.AdamW</c>.</summary>
    public static void AdamWComposed(Tensor values, Tensor gradient, Tensor first, Tensor second, long step, double learningRate, double weightDecay)
    {
        using var scope = NewDisposeScope();
        first.mul_(0.9).add_(gradient, alpha: 1 - 0.9);
        second.mul_(0.999).addcmul_(gradient, gradient, 1 - 0.999);
        var denominator = second.sqrt().div_(Math.Sqrt(1 - Math.Pow(0.999, step))).add_(1e-8);
        if (weightDecay != 0) values.mul_(1 - (learningRate * weightDecay));
        values.addcdiv_(first, denominator, -learningRate / (1 - Math.Pow(0.9, step)));
    }

    // TorchSharp hands tensors over by their pointers: the garbage collector must not free one that nobody else holds before the call is over.
    private static Tensor Call(string name, params object[] arguments)
    {
        var result = (Tensor)Unit.Value.invoke(name, arguments);
        GC.KeepAlive(arguments);
        return result;
    }

    // Read on the CPU inside the script: no device waits for it.
    private static Tensor Number(double value) => tensor(value, ScalarType.Float64, CPU);

    private static Tensor Repeat(Tensor xBGTK, long heads)
    {
        var (batch, groups, tokens, size) = (xBGTK.shape[0], xBGTK.shape[1], xBGTK.shape[2], xBGTK.shape[3]);
        return groups == heads ? xBGTK : xBGTK.unsqueeze(2).expand(batch, groups, heads / groups, tokens, size).reshape(batch, heads, tokens, size);
    }
}

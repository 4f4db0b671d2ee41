using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

// N tokens of all sequences, one sequence after the other, H query heads, G key and value heads, K head size, T tokens of one.

/// <content>Attention without padding.</content>
public static partial class TorchOps
{
    // Up to this size every card that has the kernel has its backward pass, too.
    private const int LargestRaggedHead = 128;

    private static readonly ConcurrentDictionary<(string Device, ScalarType Type), bool> RaggedKernels = new();

    /// <summary>
    /// True where sequences that stand one after the other, without padding, have a kernel of attention: 16 bits on a card that computes a small case
    /// right, values and gradients. It is asked once for each device.
    /// </summary>
    public static bool HasRaggedAttention(Device device, ScalarType dtype)
        => device.type == DeviceType.CUDA
            && dtype is ScalarType.Float16 or ScalarType.BFloat16
            && RaggedKernels.GetOrAdd((device.ToString(), dtype), _ => ComputesRagged(device, dtype));

    /// <summary>Attention within sequences that stand one after the other: q [N, H, K], k and v [N, G, K] → [N, H, K].</summary>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="starts">Where each begins, and where the last ends, int32.</param>
    /// <param name="lengths">Tokens of each.</param>
    /// <param name="causal">True if a token sees those before it alone.</param>
    /// <param name="window">How many of those it sees, itself among them; null for all. With <paramref name="causal"/> alone.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public static Tensor RaggedAttention(
        Tensor q, Tensor k, Tensor v, Tensor starts, IReadOnlyList<int> lengths, bool causal, int? window, double scale)
        => q.shape[2] % 8 == 0 && q.shape[2] <= LargestRaggedHead && HasRaggedAttention(q.device, q.dtype)
            ? RaggedAttentionFused(q, k, v, starts, lengths, causal, window, scale)
            : RaggedAttentionComposed(q, k, v, lengths, causal, window, scale);

    /// <summary>The operator itself, which exists for CUDA alone.</summary>
    public static Tensor RaggedAttentionFused(
        Tensor q, Tensor k, Tensor v, Tensor starts, IReadOnlyList<int> lengths, bool causal, int? window, double scale)
        => Call(
            "ragged_attention", q.contiguous(), k.contiguous(), v.contiguous(), starts, Number(lengths.Max()), causal,
            Number((window ?? 0) - 1), Number(scale));

    /// <summary>The same, one sequence after the other.</summary>
    public static Tensor RaggedAttentionComposed(
        Tensor q, Tensor k, Tensor v, IReadOnlyList<int> lengths, bool causal, int? window, double scale)
    {
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        var start = 0L;
        foreach (var length in lengths)
        {
            Tensor Part(Tensor xNHK) => xNHK.narrow(0, start, length).transpose(0, 1).unsqueeze(0);
            var band = window is null || window >= length ? null : Band(length, window.Value, q);
            parts.Add(AttentionComposed(Part(q), Part(k), Part(v), band, causal && band is null, 0, scale).squeeze(0).transpose(0, 1));
            start += length;
        }

        return cat(parts, 0).MoveToOuterDisposeScope();
    }

    private static Tensor Band(long length, int window, Tensor like)
    {
        using var scope = NewDisposeScope();
        var allTT = ones([length, length], ScalarType.Bool, like.device);
        var seenTT = allTT.tril().logical_and(allTT.triu(1 - window));
        return zeros([1, 1, length, length], like.dtype, like.device).masked_fill_(seenTT.logical_not(), finfo(like.dtype).min).MoveToOuterDisposeScope();
    }

    private static bool ComputesRagged(Device device, ScalarType dtype)
    {
        try
        {
            using var scope = NewDisposeScope();
            using var grad = enable_grad();
            int[] lengths = [5, 3];
            var starts = tensor(new[] { 0, 5, 8 }, device: device);
            Tensor Some(int heads, int seed) => arange(8 * heads * 16, ScalarType.Float32, device).mul_(seed).sin_().view(8, heads, 16).to(dtype).requires_grad_();
            Tensor[] fused = [Some(4, 3), Some(2, 5), Some(2, 7)];
            var composed = fused.Select(x => x.detach().clone().requires_grad_()).ToArray();
            var (y, expected) = (
                RaggedAttentionFused(fused[0], fused[1], fused[2], starts, lengths, true, 2, 0.3),
                RaggedAttentionComposed(composed[0], composed[1], composed[2], lengths, true, 2, 0.3));
            var upstream = y.detach().cos();
            y.backward([upstream]);
            expected.backward([upstream]);
            return new[] { (y, expected) }.Concat(fused.Zip(composed, (a, b) => (a.grad!, b.grad!))).All(pair => pair.Item1.allclose(pair.Item2, 2e-2, 2e-2));
        }
        catch (Exception error) when (error is ExternalException or InvalidOperationException)
        {
            // An older card: padding is masked there.
            return false;
        }
    }
}

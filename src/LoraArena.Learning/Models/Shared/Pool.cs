using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

// B sequences, T tokens, D width.

/// <summary>Which of a sequence's states the head looks at.</summary>
internal static class Pool
{
    /// <summary>[B, T, D] → [B, D].</summary>
    public static Tensor Take(Pooling pooling, Tensor xBTD, TokenBatch batch) => pooling switch
    {
        Pooling.First => xBTD.select(1, 0),
        Pooling.Last => Last(xBTD, batch),
        _ => Mean(xBTD, batch),
    };

    private static Tensor Last(Tensor xBTD, TokenBatch batch)
    {
        using var scope = NewDisposeScope();
        var rowsB = arange(batch.Count, dtype: ScalarType.Int64, device: xBTD.device).mul_(batch.Length).add_(batch.LastB);
        return xBTD.reshape(-1, xBTD.shape[2]).index_select(0, rowsB).MoveToOuterDisposeScope();
    }

    // Over real tokens: padding is no part of it.
    private static Tensor Mean(Tensor xBTD, TokenBatch batch)
    {
        using var scope = NewDisposeScope();
        if (batch.AttentionMaskBT is not { } attentionMaskBT) return xBTD.mean([1]).MoveToOuterDisposeScope();
        var sumBD = (xBTD * attentionMaskBT.unsqueeze(-1).to(xBTD.dtype)).sum(1);
        return (sumBD / (batch.LastB + 1).unsqueeze(1).to(xBTD.dtype)).MoveToOuterDisposeScope();
    }
}

using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

/// <summary>What the families' attention has in common. B sequences, T tokens, H heads, K head size, D = H·K.</summary>
internal static class Attention
{
    /// <summary>[B, T, D] → [B, H, T, K].</summary>
    public static Tensor SplitHeads(Tensor xBTD, long heads) => xBTD.view(xBTD.shape[0], xBTD.shape[1], heads, -1).transpose(1, 2);

    /// <summary>[B, H, T, K] → [B, T, D].</summary>
    public static Tensor JoinHeads(Tensor xBHTK) => xBHTK.transpose(1, 2).flatten(2);

    /// <summary>Lets groups of query heads share key and value heads: [B, G, T, K] → [B, H, T, K], each of G repeated.</summary>
    public static Tensor RepeatHeads(Tensor xBGTK, long heads)
    {
        var (batch, groups, tokens, size) = (xBGTK.shape[0], xBGTK.shape[1], xBGTK.shape[2], xBGTK.shape[3]);
        return groups == heads ? xBGTK : xBGTK.unsqueeze(2).expand(batch, groups, heads / groups, tokens, size).reshape(batch, heads, tokens, size);
    }

    /// <summary>
    /// What is added to attention scores so that padding gets no weight, [B, 1, 1, T]: 0 at real tokens, the type's lowest number elsewhere.
    /// Null where nothing is padded, which lets faster kernels run.
    /// </summary>
    public static Tensor? PaddingMask(TokenBatch batch, ScalarType dtype)
    {
        if (batch.KeepBT is null) return null;
        using var scope = NewDisposeScope();
        var keepB11T = batch.KeepBT.unsqueeze(1).unsqueeze(1);
        return zeros(keepB11T.shape, dtype, keepB11T.device).masked_fill_(keepB11T.logical_not(), finfo(dtype).min).MoveToOuterDisposeScope();
    }
}

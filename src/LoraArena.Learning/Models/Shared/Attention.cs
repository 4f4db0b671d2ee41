using LoraArena.Learning.Devices;
using LoraArena.Learning.Devices.Host;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

/// <summary>What a query may look at.</summary>
/// <param name="Added">Added to the scores, of a shape that broadcasts to [B, H, T, T]; null for nothing.</param>
/// <param name="Causal">True if each token sees itself and those before it.</param>
internal sealed record AttentionMask(Tensor? Added, bool Causal)
{
    /// <summary>The real tokens, where attention is to look at them alone; null takes <see cref="Added"/>.</summary>
    public RealRows? Rows { get; init; }

    /// <summary>Real tokens of each sequence, where <see cref="Added"/> hides the others; null where nothing is padded.</summary>
    public IReadOnlyList<int>? Lengths { get; init; }

    /// <summary>How many tokens before it a token sees, itself among them, where <see cref="Added"/> hides the others; null for all.</summary>
    public int? Window { get; init; }

    /// <summary>Each token sees all real tokens of its sequence.</summary>
    public static AttentionMask OfPadding(TokenBatch batch, ScalarType dtype, ForwardMode mode) => new(Attention.PaddingMask(batch, dtype), Causal: false)
    {
        Rows = RealRows.Of(batch, dtype, mode),
        Lengths = batch.AttentionMaskBT is null ? null : batch.Lengths,
    };

    /// <summary>Each token sees itself and those before it.</summary>
    public static AttentionMask CausalOnly { get; } = new(null, Causal: true);
}

/// <summary>What the families' attention has in common. B sequences, T tokens, H heads, G key and value heads, K head size, D = H·K.</summary>
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

    /// <summary>softmax(scale · Q Kᵀ, capped, + mask) V: [B, H, T, K], keys and values [B, G, T, K] → [B, H, T, K].</summary>
    /// <param name="qBHTK">Queries.</param>
    /// <param name="kBGTK">Keys.</param>
    /// <param name="vBGTK">Values.</param>
    /// <param name="mask">What they may look at.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="cap">c of a soft cap c·tanh(s/c) on the scores; null for none.</param>
    /// <param name="dropout">Probability that an attention weight is dropped.</param>
    /// <param name="fused">False to take the products one by one even where one kernel would do: in 16 bits they round differently.</param>
    public static Tensor Attend(
        Tensor qBHTK, Tensor kBGTK, Tensor vBGTK, AttentionMask mask, double scale, double? cap, double dropout, bool fused = true)
    {
        fused = fused && cap is null;
        if (mask.Rows is { } rows && fused && dropout == 0 && qBHTK.shape[2] == kBGTK.shape[2])
        {
            return rows.Attend(qBHTK, kBGTK, vBGTK, mask.Causal || mask.Window is not null, mask.Window, scale);
        }

        if (fused && dropout == 0 && HostAttention.Takes(qBHTK, kBGTK, mask.Lengths, mask.Causal, mask.Window))
        {
            return HostAttention.Of(qBHTK, kBGTK, vBGTK, mask.Lengths, mask.Causal, mask.Window, scale);
        }

        if (fused) return TorchOps.Attention(qBHTK, kBGTK, vBGTK, mask.Added, mask.Causal, dropout, scale);
        using var scope = NewDisposeScope();
        var heads = qBHTK.shape[1];
        return Composed(qBHTK, RepeatHeads(kBGTK, heads), RepeatHeads(vBGTK, heads), mask, scale, cap, dropout).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// What is added to attention scores so that padding gets no weight, [B, 1, 1, T]: 0 at real tokens, the type's lowest number elsewhere.
    /// Null where nothing is padded, which lets faster kernels run.
    /// </summary>
    public static Tensor? PaddingMask(TokenBatch batch, ScalarType dtype)
    {
        if (batch.AttentionMaskBT is null) return null;
        using var scope = NewDisposeScope();
        var keepB11T = batch.AttentionMaskBT.unsqueeze(1).unsqueeze(1);
        return zeros(keepB11T.shape, dtype, keepB11T.device).masked_fill_(keepB11T.logical_not(), finfo(dtype).min).MoveToOuterDisposeScope();
    }

    /// <summary>softmax(scores) V, the softmax in fp32: scores [B, H, Q, T], values [B, H, T, K] → [B, H, Q, K].</summary>
    public static Tensor Weigh(Tensor scoresBHQT, Tensor vBHTK, double dropout)
    {
        using var scope = NewDisposeScope();
        var weightsBHQT = nn.functional.softmax(scoresBHQT, -1, ScalarType.Float32).to(vBHTK.dtype);
        if (dropout > 0) weightsBHQT = nn.functional.dropout(weightsBHQT, dropout, training: true);
        return einsum("bhqt,bhtk->bhqk", weightsBHQT, vBHTK).MoveToOuterDisposeScope();
    }

    private static Tensor Composed(Tensor qBHTK, Tensor kBHTK, Tensor vBHTK, AttentionMask mask, double scale, double? cap, double dropout)
    {
        using var scope = NewDisposeScope();
        var scoresBHTT = einsum("bhtk,bhsk->bhts", qBHTK, kBHTK);
        scoresBHTT = scoresBHTT.mul(scale);
        if (cap is { } limit) scoresBHTT = scoresBHTT.div(limit).tanh().mul(limit);
        if (mask.Causal)
        {
            var laterTT = ones(scoresBHTT.shape[2], scoresBHTT.shape[3], ScalarType.Bool, scoresBHTT.device).triu(1);
            scoresBHTT = scoresBHTT.masked_fill(laterTT, finfo(scoresBHTT.dtype).min);
        }

        if (mask.Added is { } added) scoresBHTT.add_(added);
        return Weigh(scoresBHTT, vBHTK, dropout).MoveToOuterDisposeScope();
    }
}

using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

// B sequences, T tokens, N real tokens, H query heads, G key and value heads, K head size.

/// <summary>Where the real tokens of a padded batch are: attention that looks at them alone computes no padding, and needs no mask against it.</summary>
/// <param name="PlacesN">Their places among all B · T, int64 [N].</param>
/// <param name="StartsB">Where each sequence begins among them, and where the last ends, int32 [B + 1].</param>
/// <param name="Lengths">Real tokens of each sequence.</param>
internal sealed record RealRows(Tensor PlacesN, Tensor StartsB, IReadOnlyList<int> Lengths)
{
    /// <summary>The real tokens of a batch; null where nothing is padded, or where padding is cheaper than doing without it.</summary>
    public static RealRows? Of(TokenBatch batch, ScalarType dtype, ForwardMode mode)
    {
        if (batch.AttentionMaskBT is null) return null;
        var device = batch.IdsBT.device;
        if (!(mode.AttendsWithoutPadding ?? TorchOps.HasRaggedAttention(device, dtype))) return null;
        var starts = new long[batch.Count + 1];
        var places = new List<long>((int)batch.RealTokens);
        for (var b = 0; b < batch.Count; b++)
        {
            starts[b + 1] = starts[b] + batch.Lengths[b];
            for (var t = 0; t < batch.Lengths[b]; t++) places.Add((b * batch.Length) + t);
        }

        return new RealRows(
            TokenBatch.Upload([.. places], [places.Count], device), TokenBatch.Upload(starts, [starts.Length], device).to(ScalarType.Int32), batch.Lengths);
    }

    /// <summary>Attention of the real tokens, zeros elsewhere: [B, H, T, K], keys and values [B, G, T, K] → [B, H, T, K].</summary>
    /// <param name="qBHTK">Queries.</param>
    /// <param name="kBGTK">Keys.</param>
    /// <param name="vBGTK">Values.</param>
    /// <param name="causal">True if a token sees itself and those before it alone.</param>
    /// <param name="window">How many of those it sees, itself among them; null for all.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public Tensor Attend(Tensor qBHTK, Tensor kBGTK, Tensor vBGTK, bool causal, int? window, double scale)
    {
        using var scope = NewDisposeScope();
        var (batch, heads, tokens, size) = (qBHTK.shape[0], qBHTK.shape[1], qBHTK.shape[2], qBHTK.shape[3]);
        var contextNHK = TorchOps.RaggedAttention(Take(qBHTK), Take(kBGTK), Take(vBGTK), StartsB, Lengths, causal, window, scale);
        var context = zeros([batch * tokens, heads, size], contextNHK.dtype, contextNHK.device).index_copy(0, PlacesN, contextNHK);
        return context.view(batch, tokens, heads, size).transpose(1, 2).MoveToOuterDisposeScope();
    }

    private Tensor Take(Tensor xBHTK)
    {
        using var scope = NewDisposeScope();
        return xBHTK.transpose(1, 2).reshape(-1, xBHTK.shape[1], xBHTK.shape[3]).index_select(0, PlacesN).MoveToOuterDisposeScope();
    }
}

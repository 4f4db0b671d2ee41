using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

// B sequences, T tokens.

/// <summary>
/// What a decoder's tokens see: those before them, at most a window of them. Made once a forward pass for all layers, in the dispose scope that
/// is open then. Padding stands on the right, where no real token looks.
/// </summary>
internal sealed class CausalMasks
{
    private readonly Dictionary<int, AttentionMask> _ofAll = [];
    private readonly Dictionary<int, AttentionMask> _ofLast = [];
    private readonly AttentionMask _allSeen;
    private readonly AttentionMask _lastSeesAll;

    /// <summary>Makes the masks of all windows that the layers have.</summary>
    public CausalMasks(TokenBatch batch, IEnumerable<int?> windows, ScalarType dtype, ForwardMode mode)
    {
        var rows = RealRows.Of(batch, dtype, mode);
        var lengths = batch.AttentionMaskBT is null ? null : batch.Lengths;
        _allSeen = AttentionMask.CausalOnly with { Rows = rows, Lengths = lengths };
        _lastSeesAll = new AttentionMask(Attention.PaddingMask(batch, dtype), Causal: false);
        var placesT = arange(batch.Length, dtype: ScalarType.Int64, device: batch.IdsBT.device);
        foreach (var window in windows.OfType<int>().Where(w => w < batch.Length).Distinct())
        {
            _ofAll.Add(window, new AttentionMask(Band(placesT.unsqueeze(1), placesT.unsqueeze(0), window, dtype).unsqueeze(0).unsqueeze(0), Causal: false)
            { Rows = rows, Lengths = lengths, Window = window });
            var lastBand = Band(batch.LastB.unsqueeze(1), placesT.unsqueeze(0), window, dtype);
            _ofLast.Add(window, new AttentionMask(lastBand.unsqueeze(1).unsqueeze(1), Causal: false));
        }
    }

    /// <summary>For every token's output.</summary>
    public AttentionMask OfAllTokens(int? window) => window is { } w && _ofAll.TryGetValue(w, out var mask) ? mask : _allSeen;

    /// <summary>For the output of each sequence's last real token, [B, 1, 1, T].</summary>
    public AttentionMask OfLastToken(int? window) => window is { } w && _ofLast.TryGetValue(w, out var mask) ? mask : _lastSeesAll;

    // 0 where key ≤ query and key > query − window, the type's lowest number elsewhere.
    private static Tensor Band(Tensor queries, Tensor keys, int window, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var seen = keys.le(queries).logical_and(keys.gt(queries - window));
        return zeros(seen.shape, dtype, seen.device).masked_fill_(seen.logical_not(), finfo(dtype).min).MoveToOuterDisposeScope();
    }
}

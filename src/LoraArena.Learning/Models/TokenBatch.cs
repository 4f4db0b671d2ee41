using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>Sequences of tokens, padded on the right to the longest. B sequences, T tokens.</summary>
public sealed class TokenBatch : IDisposable
{
    private readonly int[] _lengths;

    private TokenBatch(Tensor idsBT, Tensor lastB, Tensor? attentionMaskBT, Tensor? tokenTypeIdsBT, int[] lengths)
    {
        (IdsBT, LastB, _lengths) = (idsBT.DetachFromDisposeScope(), lastB.DetachFromDisposeScope(), lengths);
        (AttentionMaskBT, TokenTypeIdsBT) = (attentionMaskBT?.DetachFromDisposeScope(), tokenTypeIdsBT?.DetachFromDisposeScope());
    }

    /// <summary>Token ids, int64 [B, T].</summary>
    public Tensor IdsBT { get; }

    /// <summary>Position of the last real token of each sequence, int64 [B].</summary>
    public Tensor LastB { get; }

    /// <summary>True at real tokens, bool [B, T]; null where no sequence is padded.</summary>
    public Tensor? AttentionMaskBT { get; }

    /// <summary>Segment of each token (BERT's <c>token_type_ids</c>), 0 or 1, int64 [B, T]; null where all are in the first.</summary>
    public Tensor? TokenTypeIdsBT { get; }

    /// <summary>Sequences.</summary>
    public int Count => _lengths.Length;

    /// <summary>Tokens of the longest sequence.</summary>
    public long Length => IdsBT.shape[1];

    /// <summary>Real tokens of each sequence.</summary>
    public IReadOnlyList<int> Lengths => _lengths;

    /// <summary>Real tokens, padding not counted.</summary>
    public long RealTokens => _lengths.Sum(n => (long)n);

    /// <summary>Puts sequences together on a device.</summary>
    /// <param name="sequences">Token ids; none may be empty.</param>
    /// <param name="padId">Id that fills the shorter ones.</param>
    /// <param name="device">Where the tensors go.</param>
    /// <param name="secondSegments">Where the second segment of each sequence begins; null puts all tokens in the first.</param>
    /// <exception cref="ArgumentException">There is no sequence, or one is empty.</exception>
    public static TokenBatch Create(IReadOnlyList<IReadOnlyList<int>> sequences, int padId, Device device, IReadOnlyList<int>? secondSegments = null)
    {
        if (sequences.Count == 0 || sequences.Any(s => s.Count == 0))
        {
            throw new ArgumentException("A batch needs sequences, and each at least one token.", nameof(sequences));
        }

        var lengths = sequences.Select(s => s.Count).ToArray();
        var longest = lengths.Max();
        var ids = new long[sequences.Count * longest];
        Array.Fill(ids, padId);
        for (var b = 0; b < sequences.Count; b++)
        {
            for (var t = 0; t < lengths[b]; t++) ids[(b * longest) + t] = sequences[b][t];
        }

        using var scope = NewDisposeScope();
        var lastB = Upload([.. lengths.Select(n => (long)n - 1)], [lengths.Length], device);
        var places1T = arange(longest, dtype: ScalarType.Int64, device: device).unsqueeze(0);
        var attentionMaskBT = lengths.Any(n => n != longest) ? places1T.le(lastB.unsqueeze(1)) : null;
        var tokenTypeIdsBT = secondSegments is null
            ? null
            : places1T.ge(Upload([.. secondSegments.Select(start => (long)start)], [lengths.Length], device).unsqueeze(1)).to(ScalarType.Int64);
        return new TokenBatch(Upload(ids, [sequences.Count, longest], device), lastB, attentionMaskBT, tokenTypeIdsBT, lengths);
    }

    /// <summary>Numbers as a tensor on a device. For a GPU they go through pinned memory, so that nothing waits for what the GPU is doing.</summary>
    internal static Tensor Upload(long[] values, long[] shape, Device device)
    {
        using var scope = NewDisposeScope();
        if (device.type != DeviceType.CUDA) return tensor(values, shape, device: device).MoveToOuterDisposeScope();
        return tensor(values, shape, device: CPU).pin_memory().to(device, non_blocking: true).MoveToOuterDisposeScope();
    }

    /// <summary>The same sequences with places for virtual tokens, in the first segment; what stands there is id 0.</summary>
    /// <param name="extra">The virtual tokens.</param>
    public TokenBatch WithVirtualTokens(VirtualTokens extra)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return new TokenBatch(
            Widen(IdsBT, zeros([Count, extra.Count], IdsBT.dtype, IdsBT.device)),
            LastB + extra.Count,
            AttentionMaskBT is null ? null : Widen(AttentionMaskBT, ones([Count, extra.Count], ScalarType.Bool, IdsBT.device)),
            TokenTypeIdsBT is null ? null : Widen(TokenTypeIdsBT, zeros([Count, extra.Count], TokenTypeIdsBT.dtype, IdsBT.device)),
            [.. _lengths.Select(length => length + extra.Count)]);

        Tensor Widen(Tensor xBT, Tensor newBP) => cat([xBT.narrow(1, 0, extra.Position), newBP, xBT.narrow(1, extra.Position, Length - extra.Position)], 1);
    }

    /// <summary>The rows of a layer's input that belong to real tokens: [B, T, I] → [N, I]; one row a sequence, [B, I] or [B, 1, I], stays whole.</summary>
    public Tensor RealRows(Tensor x)
    {
        var rowsNI = x.reshape(-1, x.shape[^1]);
        if (AttentionMaskBT is null || rowsNI.shape[0] != Count * Length) return rowsNI;
        var places = _lengths.SelectMany((length, b) => Enumerable.Range(0, length).Select(t => (b * Length) + t)).ToArray();
        using var placesN = tensor(places, device: x.device);
        return rowsNI.index_select(0, placesN);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        IdsBT.Dispose();
        LastB.Dispose();
        AttentionMaskBT?.Dispose();
        TokenTypeIdsBT?.Dispose();
    }
}

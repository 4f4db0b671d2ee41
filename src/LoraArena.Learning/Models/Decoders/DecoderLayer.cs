using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Decoders;

// B sequences, T tokens, D width, H query heads, G key and value heads, K head size, F feed-forward width.

/// <summary>A block: attention and a gated feed-forward part, each on the normalised input and added to it.</summary>
internal sealed class DecoderLayer
{
    private readonly DecoderShape _shape;
    private readonly int? _window;
    private readonly double _scale;
    private readonly RmsNorm _beforeAttention;
    private readonly Projection _query;
    private readonly Projection _key;
    private readonly Projection _value;
    private readonly Projection _output;
    private readonly RmsNorm? _queryNorm;
    private readonly RmsNorm? _keyNorm;
    private readonly RmsNorm? _afterAttention;
    private readonly RmsNorm _beforeFeedForward;
    private readonly Projection _gate;
    private readonly Projection _up;
    private readonly Projection _down;
    private readonly RmsNorm? _afterFeedForward;

    public DecoderLayer(string path, DecoderShape shape, int? window, ModelBuilder builder)
    {
        (_shape, _window, _scale) = (shape, window, shape.AttentionScale ?? 1 / Math.Sqrt(shape.HeadSize));
        var (width, inner) = (shape.HiddenSize, shape.IntermediateSize);
        var (queryWidth, keyWidth) = ((long)shape.Heads * shape.HeadSize, (long)shape.KeyValueHeads * shape.HeadSize);
        _beforeAttention = Norm(shape.Norms.BeforeAttention, width);
        _query = builder.Projection(path + ".self_attn.q_proj", width, queryWidth, shape.QueryKeyValueBias);
        _key = builder.Projection(path + ".self_attn.k_proj", width, keyWidth, shape.QueryKeyValueBias);
        _value = builder.Projection(path + ".self_attn.v_proj", width, keyWidth, shape.QueryKeyValueBias);
        _output = builder.Projection(path + ".self_attn.o_proj", queryWidth, width, shape.AttentionOutputBias);
        _queryNorm = shape.QueryKeyNorm ? Norm("self_attn.q_norm", shape.HeadSize) : null;
        _keyNorm = shape.QueryKeyNorm ? Norm("self_attn.k_norm", shape.HeadSize) : null;
        _afterAttention = shape.Norms.AfterAttention is { } afterAttention ? Norm(afterAttention, width) : null;
        _beforeFeedForward = Norm(shape.Norms.BeforeFeedForward, width);
        _gate = builder.Projection(path + ".mlp.gate_proj", width, inner, shape.FeedForwardBias);
        _up = builder.Projection(path + ".mlp.up_proj", width, inner, shape.FeedForwardBias);
        _down = builder.Projection(path + ".mlp.down_proj", inner, width, shape.FeedForwardBias);
        _afterFeedForward = shape.Norms.AfterFeedForward is { } afterFeedForward ? Norm(afterFeedForward, width) : null;

        RmsNorm Norm(string name, int size) => new($"{path}.{name}", size, shape.NormEps, builder, shape.NormsAddOne);
    }

    /// <summary>
    /// What its training keeps: what the norms read, q, k, v and context, gate, its activation and up; of one token a sequence, keys and values
    /// alone. Norms of queries and keys keep what they read once more; keys and values are counted as wide as the queries, since shared heads are
    /// repeated for the attention wherever its operator cannot share them.
    /// </summary>
    public BlockMemory Memory(bool lastTokenOnly)
    {
        var (width, inner) = (_shape.HiddenSize, _shape.IntermediateSize);
        var (query, key) = (_query.OutFeatures, _key.OutFeatures);
        var norms = (_queryNorm is null ? 0 : query) + (_keyNorm is null ? 0 : key) + (_afterAttention is null ? 0 : width) + (_afterFeedForward is null ? 0 : width);
        if (lastTokenOnly) return new BlockMemory(width + (2 * key), 2 * width, [([_key, _value], width)]) { KeptInFp32 = width };
        return new BlockMemory(
            (2 * width) + (4 * query) + (3 * inner) + norms, (3 * width) + (3 * inner),
            [([_query, _key, _value], width), ([_gate, _up], width), ([_down], inner)])
        { KeptInFp32 = (2 * width) + norms };
    }

    /// <summary>[B, T, D] → [B, T, D]. Padding stands on the right, so no real token can see it: the causal mask is enough.</summary>
    /// <param name="xBTD">What goes in.</param>
    /// <param name="masks">What queries may look at.</param>
    /// <param name="angles">Angles of the positions.</param>
    /// <param name="mode">How the pass is made.</param>
    /// <param name="outputUnused">True where nobody looks at the numbers that come out.</param>
    public Tensor Forward(Tensor xBTD, CausalMasks masks, RotaryAngles angles, ForwardMode mode, bool outputUnused = false)
    {
        using var scope = NewDisposeScope();
        var normBTD = _beforeAttention.Forward(xBTD);
        var projected = Projection.ForwardTogether(normBTD, mode, _query, _key, _value);
        var contextBTD = Attend(angles.Rotate(Queries(projected[0])), angles.Rotate(Keys(projected[1])), projected[2], masks.OfAllTokens(_window), mode);
        return Finish(xBTD, contextBTD, mode, outputUnused).MoveToOuterDisposeScope();
    }

    /// <summary>[B, T, D] → [B, 1, D]: the output of the last real token of each sequence alone.</summary>
    public Tensor ForwardLast(Tensor xBTD, Tensor lastB, CausalMasks masks, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens, width) = (xBTD.shape[0], xBTD.shape[1], xBTD.shape[2]);
        var rowsB = arange(batch, dtype: ScalarType.Int64, device: xBTD.device).mul_(tokens).add_(lastB);
        var normBTD = _beforeAttention.Forward(xBTD);
        var lastNormB1D = normBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        var keysAndValues = Projection.ForwardTogether(normBTD, mode, _key, _value);
        var qBH1K = angles.At(lastB).Rotate(Queries(_query.Forward(lastNormB1D, mode)));
        var contextB1D = Attend(qBH1K, angles.Rotate(Keys(keysAndValues[0])), keysAndValues[1], masks.OfLastToken(_window), mode);
        var lastB1D = xBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        return Finish(lastB1D, contextB1D, mode, outputUnused: false).MoveToOuterDisposeScope();
    }

    private Tensor Queries(Tensor qBTD) => Heads(_queryNorm, qBTD, _shape.Heads);

    private Tensor Keys(Tensor kBTD) => Heads(_keyNorm, kBTD, _shape.KeyValueHeads);

    private static Tensor Heads(RmsNorm? norm, Tensor xBTD, int heads)
    {
        using var scope = NewDisposeScope();
        var headsBHTK = Attention.SplitHeads(xBTD, heads);
        return (norm?.Forward(headsBHTK) ?? headsBHTK).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor qBHTK, Tensor kBGTK, Tensor vBTD, AttentionMask mask, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var vBGTK = Attention.SplitHeads(vBTD, _shape.KeyValueHeads);
        var contextBHTK = Attention.Attend(qBHTK, kBGTK, vBGTK, mask, _scale, _shape.AttentionCap, mode.AttentionDropout, _shape.FusedAttention);
        return Attention.JoinHeads(contextBHTK).MoveToOuterDisposeScope();
    }

    private Tensor Finish(Tensor xBTD, Tensor contextBTD, ForwardMode mode, bool outputUnused)
    {
        using var scope = NewDisposeScope();
        var attendedBTD = _output.Forward(contextBTD, mode);
        var sumBTD = xBTD + (_afterAttention?.Forward(attendedBTD) ?? attendedBTD);
        var normBTD = _beforeFeedForward.Forward(sumBTD);
        var gateAndUp = Projection.ForwardTogether(normBTD, mode, _gate, _up);
        var innerBTF = _shape.Activation.Apply(gateAndUp[0]) * gateAndUp[1];

        // A sum's gradients need none of its terms; a norm's need what it has read.
        var fedBTD = _down.Forward(innerBTF, mode with { OutputUnused = outputUnused && _afterFeedForward is null });
        return (sumBTD + (_afterFeedForward?.Forward(fedBTD) ?? fedBTD)).MoveToOuterDisposeScope();
    }
}

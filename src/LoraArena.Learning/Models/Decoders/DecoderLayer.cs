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

    /// <summary>[B, T, D] → [B, T, D]. Padding stands on the right, so no real token can see it: the causal mask is enough.</summary>
    public Tensor Forward(Tensor xBTD, CausalMasks masks, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var normBTD = _beforeAttention.Forward(xBTD);
        var qBHTK = angles.Rotate(Queries(normBTD, mode));
        var kBGTK = angles.Rotate(Keys(normBTD, mode));
        var contextBTD = Attend(qBHTK, kBGTK, normBTD, masks.OfAllTokens(_window), mode);
        return Finish(xBTD, contextBTD, mode).MoveToOuterDisposeScope();
    }

    /// <summary>[B, T, D] → [B, 1, D]: the output of the last real token of each sequence alone.</summary>
    public Tensor ForwardLast(Tensor xBTD, Tensor lastB, CausalMasks masks, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens, width) = (xBTD.shape[0], xBTD.shape[1], xBTD.shape[2]);
        var rowsB = arange(batch, dtype: ScalarType.Int64, device: xBTD.device).mul_(tokens).add_(lastB);
        var normBTD = _beforeAttention.Forward(xBTD);
        var lastNormB1D = normBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        var qBH1K = angles.At(lastB).Rotate(Queries(lastNormB1D, mode));
        var kBGTK = angles.Rotate(Keys(normBTD, mode));
        var contextB1D = Attend(qBH1K, kBGTK, normBTD, masks.OfLastToken(_window), mode);
        var lastB1D = xBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        return Finish(lastB1D, contextB1D, mode).MoveToOuterDisposeScope();
    }

    private Tensor Queries(Tensor normBTD, ForwardMode mode) => Heads(_query, _queryNorm, normBTD, _shape.Heads, mode);

    private Tensor Keys(Tensor normBTD, ForwardMode mode) => Heads(_key, _keyNorm, normBTD, _shape.KeyValueHeads, mode);

    private static Tensor Heads(Projection projection, RmsNorm? norm, Tensor xBTD, int heads, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var headsBHTK = Attention.SplitHeads(projection.Forward(xBTD, mode), heads);
        return (norm?.Forward(headsBHTK) ?? headsBHTK).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor qBHTK, Tensor kBGTK, Tensor normBTD, AttentionMask mask, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var vBGTK = Attention.SplitHeads(_value.Forward(normBTD, mode), _shape.KeyValueHeads);
        var contextBHTK = Attention.Attend(qBHTK, kBGTK, vBGTK, mask, _scale, _shape.AttentionCap, mode.AttentionDropout);
        return Attention.JoinHeads(contextBHTK).MoveToOuterDisposeScope();
    }

    private Tensor Finish(Tensor xBTD, Tensor contextBTD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var attendedBTD = _output.Forward(contextBTD, mode);
        var sumBTD = xBTD + (_afterAttention?.Forward(attendedBTD) ?? attendedBTD);
        var normBTD = _beforeFeedForward.Forward(sumBTD);
        var innerBTF = _shape.Activation.Apply(_gate.Forward(normBTD, mode)) * _up.Forward(normBTD, mode);
        var fedBTD = _down.Forward(innerBTF, mode);
        return (sumBTD + (_afterFeedForward?.Forward(fedBTD) ?? fedBTD)).MoveToOuterDisposeScope();
    }
}

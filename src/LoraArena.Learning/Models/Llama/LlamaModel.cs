using LoraArena.Learning.Devices;
using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Llama;

// B sequences, T tokens, D width, H query heads, G key and value heads, K head size, F feed-forward width.

/// <summary>Llama's decoder. Names of the weights are those of Hugging Face's files.</summary>
public sealed class LlamaModel : Backbone
{
    private readonly Weight _embeddings;
    private readonly List<LlamaLayer> _layers;
    private readonly RmsNorm _norm;
    private readonly Rotary _rotary;
    private readonly ScalarType _dtype;

    internal LlamaModel(LlamaConfig config, ModelBuilder builder)
    {
        _dtype = builder.Dtype;
        _embeddings = builder.Weight("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(i => new LlamaLayer(FormattableString.Invariant($"model.layers.{i}"), config, builder))];
        _norm = new RmsNorm("model.norm", config.HiddenSize, config.RmsNormEps, builder);
        _rotary = new Rotary(config.HeadSize, config.RopeTheta);
    }

    /// <inheritdoc/>
    public override Tensor HiddenStates(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var angles = _rotary.Angles(batch.Length, _dtype, batch.IdsBT.device);
        var xBTD = Embed(batch);
        foreach (var layer in _layers) xBTD = layer.Forward(xBTD, angles, mode);
        return _norm.Forward(xBTD).MoveToOuterDisposeScope();
    }

    /// <summary>The last real token's state, [B, D].</summary>
    public override Tensor Pooled(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return Cut(batch, mode).Run().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ForwardPass Cut(TokenBatch batch, ForwardMode mode)
    {
        var angles = _rotary.Angles(batch.Length, _dtype, batch.IdsBT.device);
        var mask = Attention.PaddingMask(batch, _dtype);
        return new ForwardPass(
            mode,
            () => Embed(batch),
            [.. _layers.Select(layer => (Func<Tensor, Tensor>)(xBTD => layer == _layers[^1] ? layer.ForwardLast(xBTD, batch.LastB, mask, angles, mode) : layer.Forward(xBTD, angles, mode)))],
            xBTD => _norm.Forward(xBTD.squeeze(1)));
    }

    private Tensor Embed(TokenBatch batch)
    {
        using var scope = NewDisposeScope();
        return _embeddings.Value.index_select(0, batch.IdsBT.view(-1)).view(batch.Count, batch.Length, -1).MoveToOuterDisposeScope();
    }
}

/// <summary>A block: attention and a gated feed-forward part, each on the normalised input and added to it.</summary>
internal sealed class LlamaLayer(string path, LlamaConfig config, ModelBuilder builder)
{
    private readonly double _scale = 1 / Math.Sqrt(config.HeadSize);
    private readonly RmsNorm _inputNorm = new(path + ".input_layernorm", config.HiddenSize, config.RmsNormEps, builder);
    private readonly Projection _query = builder.Projection(path + ".self_attn.q_proj", config.HiddenSize, (long)config.Heads * config.HeadSize, config.AttentionBias);
    private readonly Projection _key = builder.Projection(path + ".self_attn.k_proj", config.HiddenSize, (long)config.KeyValueHeads * config.HeadSize, config.AttentionBias);
    private readonly Projection _value = builder.Projection(path + ".self_attn.v_proj", config.HiddenSize, (long)config.KeyValueHeads * config.HeadSize, config.AttentionBias);
    private readonly Projection _output = builder.Projection(path + ".self_attn.o_proj", (long)config.Heads * config.HeadSize, config.HiddenSize, config.AttentionBias);
    private readonly RmsNorm _feedNorm = new(path + ".post_attention_layernorm", config.HiddenSize, config.RmsNormEps, builder);
    private readonly Projection _gate = builder.Projection(path + ".mlp.gate_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias);
    private readonly Projection _up = builder.Projection(path + ".mlp.up_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias);
    private readonly Projection _down = builder.Projection(path + ".mlp.down_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias);

    /// <summary>
    /// [B, T, D] → [B, T, D]. Padding stands on the right, so no real token can see it: the causal mask is enough.
    /// </summary>
    public Tensor Forward(Tensor xBTD, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var projected = Projection.ForwardTogether(_inputNorm.Forward(xBTD), mode, _query, _key, _value);
        var qBHTK = angles.Rotate(Attention.SplitHeads(projected[0], config.Heads));
        var kBGTK = angles.Rotate(Attention.SplitHeads(projected[1], config.KeyValueHeads));
        var vBGTK = Attention.SplitHeads(projected[2], config.KeyValueHeads);
        var contextBHTK = TorchOps.Attention(qBHTK, kBGTK, vBGTK, null, causal: true, mode.AttentionDropout, _scale);
        return Feed(xBTD + _output.Forward(Attention.JoinHeads(contextBHTK), mode), mode).MoveToOuterDisposeScope();
    }

    /// <summary>[B, T, D] → [B, 1, D]: the output of the last real token of each sequence, which sees all real ones.</summary>
    public Tensor ForwardLast(Tensor xBTD, Tensor lastB, Tensor? mask, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens, width) = (xBTD.shape[0], xBTD.shape[1], xBTD.shape[2]);
        var rowsB = arange(batch, dtype: ScalarType.Int64, device: xBTD.device).mul_(tokens).add_(lastB);
        var normBTD = _inputNorm.Forward(xBTD);
        var projected = Projection.ForwardTogether(normBTD, mode, _key, _value);
        var kBGTK = angles.Rotate(Attention.SplitHeads(projected[0], config.KeyValueHeads));
        var vBGTK = Attention.SplitHeads(projected[1], config.KeyValueHeads);
        var lastNormB1D = normBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        var qBH1K = angles.At(lastB).Rotate(Attention.SplitHeads(_query.Forward(lastNormB1D, mode), config.Heads));
        var contextBH1K = TorchOps.Attention(qBH1K, kBGTK, vBGTK, mask, causal: false, mode.AttentionDropout, _scale);
        var lastB1D = xBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        return Feed(lastB1D + _output.Forward(Attention.JoinHeads(contextBH1K), mode), mode).MoveToOuterDisposeScope();
    }

    private Tensor Feed(Tensor xBTD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var normBTD = _feedNorm.Forward(xBTD);
        var gateAndUp = Projection.ForwardTogether(normBTD, mode, _gate, _up);
        var innerBTF = nn.functional.silu(gateAndUp[0]) * gateAndUp[1];
        return (xBTD + _down.Forward(innerBTF, mode)).MoveToOuterDisposeScope();
    }
}

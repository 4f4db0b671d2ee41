using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Llama;

// B sequences, T tokens, D width, H query heads, G key and value heads, K head size, F feed-forward width.

/// <summary>Llama's decoder. Names of the weights are those of Hugging Face's files.</summary>
public sealed class LlamaModel : Backbone
{
    private readonly TokenEmbedding _embeddings;
    private readonly List<LlamaLayer> _layers;
    private readonly RmsNorm _norm;
    private readonly Rotary _rotary;
    private readonly ScalarType _dtype;

    internal LlamaModel(LlamaConfig config, ModelBuilder builder)
    {
        _dtype = builder.Dtype;
        _embeddings = builder.Embedding("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
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
        var angles = _rotary.Angles(batch.Length, _dtype, batch.IdsBT.device);
        var mask = Attention.PaddingMask(batch, _dtype);
        var xBTD = Embed(batch);
        foreach (var layer in _layers)
        {
            xBTD = layer == _layers[^1] ? layer.ForwardLast(xBTD, batch.LastB, mask, angles, mode) : layer.Forward(xBTD, angles, mode);
        }

        return _norm.Forward(xBTD.squeeze(1)).MoveToOuterDisposeScope();
    }

    private Tensor Embed(TokenBatch batch) => _embeddings.Forward(batch.IdsBT);
}

/// <summary>A block: attention and a gated feed-forward part, each on the normalised input and added to it.</summary>
internal sealed class LlamaLayer(string path, LlamaConfig config, ModelBuilder builder)
{
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
        var normBTD = _inputNorm.Forward(xBTD);
        var (kBHTK, vBHTK) = KeysAndValues(normBTD, angles, mode);
        var qBHTK = angles.Rotate(Attention.SplitHeads(_query.Forward(normBTD, mode), config.Heads));
        var contextBHTK = nn.functional.scaled_dot_product_attention(qBHTK, kBHTK, vBHTK, null, mode.AttentionDropout, is_casual: true);
        return Feed(xBTD + _output.Forward(Attention.JoinHeads(contextBHTK), mode), mode).MoveToOuterDisposeScope();
    }

    /// <summary>[B, T, D] → [B, 1, D]: the output of the last real token of each sequence, which sees all real ones.</summary>
    public Tensor ForwardLast(Tensor xBTD, Tensor lastB, Tensor? mask, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens, width) = (xBTD.shape[0], xBTD.shape[1], xBTD.shape[2]);
        var rowsB = arange(batch, dtype: ScalarType.Int64, device: xBTD.device).mul_(tokens).add_(lastB);
        var normBTD = _inputNorm.Forward(xBTD);
        var (kBHTK, vBHTK) = KeysAndValues(normBTD, angles, mode);
        var lastNormB1D = normBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        var qBH1K = angles.At(lastB).Rotate(Attention.SplitHeads(_query.Forward(lastNormB1D, mode), config.Heads));
        var contextBH1K = nn.functional.scaled_dot_product_attention(qBH1K, kBHTK, vBHTK, mask, mode.AttentionDropout);
        var lastB1D = xBTD.reshape(-1, width).index_select(0, rowsB).unsqueeze(1);
        return Feed(lastB1D + _output.Forward(Attention.JoinHeads(contextBH1K), mode), mode).MoveToOuterDisposeScope();
    }

    private (Tensor K, Tensor V) KeysAndValues(Tensor normBTD, RotaryAngles angles, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var kBGTK = angles.Rotate(Attention.SplitHeads(_key.Forward(normBTD, mode), config.KeyValueHeads));
        var vBGTK = Attention.SplitHeads(_value.Forward(normBTD, mode), config.KeyValueHeads);
        return (Attention.RepeatHeads(kBGTK, config.Heads).MoveToOuterDisposeScope(), Attention.RepeatHeads(vBGTK, config.Heads).MoveToOuterDisposeScope());
    }

    private Tensor Feed(Tensor xBTD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var normBTD = _feedNorm.Forward(xBTD);
        var innerBTF = nn.functional.silu(_gate.Forward(normBTD, mode)) * _up.Forward(normBTD, mode);
        return (xBTD + _down.Forward(innerBTF, mode)).MoveToOuterDisposeScope();
    }
}

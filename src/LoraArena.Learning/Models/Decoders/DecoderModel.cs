using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Decoders;

// B sequences, T tokens, D width.

/// <summary>
/// A decoder of Llama's kind: embeddings, blocks of attention and a gated feed-forward part, a norm. Names of the weights are those of
/// Hugging Face's files.
/// </summary>
public sealed class DecoderModel : Backbone
{
    private readonly DecoderShape _shape;
    private readonly TokenEmbedding _embeddings;
    private readonly List<DecoderLayer> _layers;
    private readonly RmsNorm _norm;
    private readonly ScalarType _dtype;

    internal DecoderModel(DecoderShape shape, ModelBuilder builder)
    {
        (_shape, _dtype) = (shape, builder.Dtype);
        _embeddings = builder.Embedding("model.embed_tokens.weight", shape.VocabularySize, shape.HiddenSize);
        _layers = [.. Enumerable.Range(0, shape.Layers).Select(i =>
            new DecoderLayer(FormattableString.Invariant($"model.layers.{i}"), shape, shape.Windows[i], builder))];
        _norm = new RmsNorm("model.norm", shape.HiddenSize, shape.NormEps, builder, shape.NormsAddOne);
    }

    /// <inheritdoc/>
    public override Tensor HiddenStates(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var angles = Angles(batch);
        var masks = new CausalMasks(batch, _shape.Windows, _dtype, mode);
        var xBTD = Embed(batch);
        foreach (var layer in _layers) xBTD = layer.Forward(xBTD, masks, angles, mode);
        return _norm.Forward(xBTD).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Pooled(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return Cut(batch, mode).Run().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<BlockMemory> Blocks
        => [.. _layers.Select(layer => layer.Memory(lastTokenOnly: _shape.Pooling == Pooling.Last && layer == _layers[^1]))];

    /// <summary>A quarter of a block is its last product, which is left out where no norm follows it.</summary>
    public override int KeepsOneIn => _shape.Norms.AfterFeedForward is null ? 5 : base.KeepsOneIn;

    /// <inheritdoc/>
    public override ForwardPass Cut(TokenBatch batch, ForwardMode mode)
    {
        var angles = Angles(batch);
        var masks = new CausalMasks(batch, _shape.Windows, _dtype, mode);
        var lastOnly = _shape.Pooling == Pooling.Last;
        return new ForwardPass(
            mode,
            () => Embed(batch),
            [.. _layers.Select(layer => (Func<Tensor, bool, Tensor>)((xBTD, unused) => lastOnly && layer == _layers[^1]
                ? layer.ForwardLast(xBTD, batch.LastB, masks, angles, mode)
                : layer.Forward(xBTD, masks, angles, mode, unused)))],
            xBTD => lastOnly ? _norm.Forward(xBTD.squeeze(1)) : Pool.Take(_shape.Pooling, _norm.Forward(xBTD), batch));
    }

    private RotaryAngles Angles(TokenBatch batch) => Rotary.Angles(_shape.Rotary, batch.Length, _dtype, batch.IdsBT.device);

    private Tensor Embed(TokenBatch batch)
    {
        using var scope = NewDisposeScope();
        var xBTD = _embeddings.Forward(batch.IdsBT);
        return (_shape.EmbeddingScale == 1 ? xBTD : xBTD * _shape.EmbeddingScale).MoveToOuterDisposeScope();
    }
}

using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Bert;

// B sequences, T tokens, D width, H heads, K head size, F feed-forward width.

/// <summary>The encoder of BERT and RoBERTa, with BERT's pooler. Names of the weights are those of Hugging Face's files.</summary>
public sealed class BertModel : Backbone
{
    private readonly BertEmbeddings _embeddings;
    private readonly List<BertLayer> _layers;
    private readonly Projection? _pooler;
    private readonly Pooling _pooling;
    private readonly ScalarType _dtype;

    internal BertModel(BertConfig config, ModelBuilder builder)
    {
        (_pooling, _dtype) = (config.Pooling, builder.Dtype);
        _embeddings = new BertEmbeddings(config, builder);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(i =>
            new BertLayer(FormattableString.Invariant($"{config.Module}.encoder.layer.{i}"), config, builder))];
        _pooler = config.HasPooler ? builder.Pooler(config.Module + ".pooler.dense", config.HiddenSize, config.InitializerRange) : null;
    }

    /// <summary>The word embeddings, [vocabulary, D]: tied to the head of masked-language-model training.</summary>
    internal Weight WordEmbeddings => _embeddings.Words.Table;

    /// <inheritdoc/>
    public override Tensor HiddenStates(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var mask = AttentionMask.OfPadding(batch, _dtype, mode);
        var xBTD = _embeddings.Forward(batch, mode);
        foreach (var layer in _layers) xBTD = layer.Forward(xBTD, mask, mode, firstTokenOnly: false);
        return xBTD.MoveToOuterDisposeScope();
    }

    /// <summary>tanh of the pooler's layer, where there is one, on the first token or what <see cref="ModelConfig.Pooling"/> says, [B, D].</summary>
    public override Tensor Pooled(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return Cut(batch, mode).Run().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<BlockMemory> Blocks
        => [.. _layers.Select(layer => layer.Memory(firstTokenOnly: _pooling == Pooling.First && layer == _layers[^1]))];

    /// <inheritdoc/>
    public override ForwardPass Cut(TokenBatch batch, ForwardMode mode)
    {
        var mask = AttentionMask.OfPadding(batch, _dtype, mode);
        return new ForwardPass(
            mode,
            () => _embeddings.Forward(batch, mode),
            [.. _layers.Select(layer => (Func<Tensor, bool, Tensor>)((xBTD, _) =>
                layer.Forward(xBTD, mask, mode, firstTokenOnly: _pooling == Pooling.First && layer == _layers[^1])))],
            xBTD => Pool(Shared.Pool.Take(_pooling, xBTD, batch), mode));
    }

    /// <summary>The pooler on one state of each sequence: [B, D] → [B, D]. A new pooler is part of the head and computes in fp32.</summary>
    internal Tensor Pool(Tensor stateBD, ForwardMode mode) => _pooler is null ? stateBD : _pooler.Forward(stateBD.to(_pooler.Matrix.ComputeType), mode).tanh();
}

/// <summary>Sum of the embeddings of word, segment and position, normalised. In 16 bits the order of the sum counts; it is that of Transformers.</summary>
internal sealed class BertEmbeddings
{
    private readonly Weight _positions;
    private readonly Weight _types;
    private readonly LayerNorm _norm;
    private readonly int _firstPosition;
    private readonly bool _hasSegments;

    public BertEmbeddings(BertConfig config, ModelBuilder builder)
    {
        var path = config.Module + ".embeddings.";
        (_firstPosition, _hasSegments) = (config.FirstPosition, config.HasSegments && config.TypeVocabularySize > 1);
        Words = builder.Embedding(path + "word_embeddings.weight", config.VocabularySize, config.HiddenSize);
        _positions = builder.Weight(path + "position_embeddings.weight", config.FirstPosition + config.MaxPositions, config.HiddenSize);
        _types = builder.Weight(path + "token_type_embeddings.weight", config.TypeVocabularySize, config.HiddenSize);
        _norm = new LayerNorm(path + "LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
    }

    public TokenEmbedding Words { get; }

    /// <summary>[B, T] → [B, T, D].</summary>
    public Tensor Forward(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var wordsBTD = Words.Forward(batch.IdsBT);
        var xBTD = wordsBTD + Segments(batch) + _positions.Value.narrow(0, _firstPosition, batch.Length);
        return Dropout.Apply(_norm.Forward(xBTD.to(wordsBTD.dtype)), mode.HiddenDropout, mode).MoveToOuterDisposeScope();
    }

    // A model that was made for one segment alone is told of no other.
    private Tensor Segments(TokenBatch batch)
        => batch.TokenTypeIdsBT is { } tokenTypeIdsBT && _hasSegments ? Rows(_types, tokenTypeIdsBT) : _types.Value.narrow(0, 0, 1);

    private static Tensor Rows(Weight table, Tensor idsBT) => table.Value.index_select(0, idsBT.view(-1)).view(idsBT.shape[0], idsBT.shape[1], -1);
}

/// <summary>A block: attention, then a feed-forward part, each added to its input and normalised after.</summary>
internal sealed class BertLayer(string path, BertConfig config, ModelBuilder builder)
{
    private readonly int _heads = config.Heads;
    private readonly double _scale = 1 / Math.Sqrt((double)config.HiddenSize / config.Heads);
    private readonly Activation _activation = config.Activation;
    private readonly Projection _query = builder.Projection(path + ".attention.self.query", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly Projection _key = builder.Projection(path + ".attention.self.key", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly Projection _value = builder.Projection(path + ".attention.self.value", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly Projection _output = builder.Projection(path + ".attention.output.dense", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly LayerNorm _attentionNorm = new(path + ".attention.output.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
    private readonly Projection _up = builder.Projection(path + ".intermediate.dense", config.HiddenSize, config.IntermediateSize, bias: true);
    private readonly Projection _down = builder.Projection(path + ".output.dense", config.IntermediateSize, config.HiddenSize, bias: true);
    private readonly LayerNorm _outputNorm = new(path + ".output.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);

    /// <summary>
    /// What its training keeps: q, k, v and context, what the norms read, what the activation reads; of one token a sequence, keys and
    /// values alone.
    /// </summary>
    public BlockMemory Memory(bool firstTokenOnly)
    {
        var (width, inner) = (config.HiddenSize, config.IntermediateSize);
        if (firstTokenOnly) return new BlockMemory(2 * width, 2 * width, [([_key, _value], width)]);
        return new BlockMemory((6 * width) + inner, (3 * width) + (2 * inner), [([_query, _key, _value], width), ([_up], width), ([_down], inner)]);
    }

    /// <summary>[B, T, D] → [B, T, D], or [B, 1, D] where only the first token's output is wanted.</summary>
    public Tensor Forward(Tensor xBTD, AttentionMask mask, ForwardMode mode, bool firstTokenOnly)
    {
        using var scope = NewDisposeScope();
        var queryInput = firstTokenOnly ? xBTD.narrow(1, 0, 1) : xBTD;
        var contextBTD = Attend(queryInput, xBTD, mask, mode);
        var attendedBTD = _attentionNorm.Forward(Dropout.Apply(_output.Forward(contextBTD, mode), mode.HiddenDropout, mode) + queryInput);
        var innerBTF = _activation.Apply(_up.Forward(attendedBTD, mode));
        return _outputNorm.Forward(Dropout.Apply(_down.Forward(innerBTF, mode), mode.HiddenDropout, mode) + attendedBTD).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor queryInput, Tensor xBTD, AttentionMask mask, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var projected = Projection.ForwardTogether(queryInput, xBTD, mode, _query, _key, _value);
        var (qBHTK, kBHTK, vBHTK) = (
            Attention.SplitHeads(projected[0], _heads), Attention.SplitHeads(projected[1], _heads),
            Attention.SplitHeads(projected[2], _heads));
        var contextBHTK = Attention.Attend(qBHTK, kBHTK, vBHTK, mask, _scale, cap: null, mode.AttentionDropout);
        return Attention.JoinHeads(contextBHTK).MoveToOuterDisposeScope();
    }
}

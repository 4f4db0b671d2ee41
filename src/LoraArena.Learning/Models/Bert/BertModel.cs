using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Bert;

// B sequences, T tokens, D width, H heads, K head size, F feed-forward width.

/// <summary>BERT's encoder with its pooler. Names of the weights are those of Hugging Face's files.</summary>
public sealed class BertModel : Backbone
{
    private readonly BertEmbeddings _embeddings;
    private readonly List<BertLayer> _layers;
    private readonly Projection _pooler;
    private readonly ScalarType _dtype;

    internal BertModel(BertConfig config, ModelBuilder builder)
    {
        _dtype = builder.Dtype;
        _embeddings = new BertEmbeddings(config, builder);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(i => new BertLayer(FormattableString.Invariant($"bert.encoder.layer.{i}"), config, builder))];
        _pooler = builder.Projection("bert.pooler.dense", config.HiddenSize, config.HiddenSize, bias: true);
    }

    /// <summary>The word embeddings, [vocabulary, D]: tied to the head of masked-language-model training.</summary>
    internal Weight WordEmbeddings => _embeddings.Words;

    /// <inheritdoc/>
    public override Tensor HiddenStates(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var mask = Attention.PaddingMask(batch, _dtype);
        var xBTD = _embeddings.Forward(batch, mode);
        foreach (var layer in _layers) xBTD = layer.Forward(xBTD, mask, mode, firstTokenOnly: false);
        return xBTD.MoveToOuterDisposeScope();
    }

    /// <summary>tanh of the pooler's layer on the first token, [B, D].</summary>
    public override Tensor Pooled(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return Cut(batch, mode).Run().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ForwardPass Cut(TokenBatch batch, ForwardMode mode)
    {
        var mask = Attention.PaddingMask(batch, _dtype);
        return new ForwardPass(
            mode,
            () => _embeddings.Forward(batch, mode),
            [.. _layers.Select(layer => (Func<Tensor, Tensor>)(xBTD => layer.Forward(xBTD, mask, mode, firstTokenOnly: layer == _layers[^1])))],
            xBTD => Pool(xBTD.select(1, 0), mode));
    }

    /// <summary>The pooler on the first token's state: [B, D] → [B, D].</summary>
    internal Tensor Pool(Tensor firstBD, ForwardMode mode) => _pooler.Forward(firstBD, mode).tanh();
}

/// <summary>Sum of the embeddings of word, position and segment, normalised.</summary>
internal sealed class BertEmbeddings
{
    private const string Path = "bert.embeddings.";
    private readonly Weight _positions;
    private readonly Weight _types;
    private readonly LayerNorm _norm;

    public BertEmbeddings(BertConfig config, ModelBuilder builder)
    {
        Words = builder.Weight(Path + "word_embeddings.weight", config.VocabularySize, config.HiddenSize);
        _positions = builder.Weight(Path + "position_embeddings.weight", config.MaxPositions, config.HiddenSize);
        _types = builder.Weight(Path + "token_type_embeddings.weight", config.TypeVocabularySize, config.HiddenSize);
        _norm = new LayerNorm(Path + "LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
    }

    public Weight Words { get; }

    /// <summary>[B, T] → [B, T, D].</summary>
    public Tensor Forward(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var xBTD = Rows(Words, batch.IdsBT) + _positions.Value.narrow(0, 0, batch.Length) + Segments(batch);
        return Dropout.Apply(_norm.Forward(xBTD), mode.HiddenDropout, mode).MoveToOuterDisposeScope();
    }

    // A model that was made for one segment alone is told of no other.
    private Tensor Segments(TokenBatch batch) => batch.SegmentsBT is { } segmentsBT && _types.Shape[0] > 1 ? Rows(_types, segmentsBT) : _types.Value.narrow(0, 0, 1);

    private static Tensor Rows(Weight table, Tensor idsBT) => table.Value.index_select(0, idsBT.view(-1)).view(idsBT.shape[0], idsBT.shape[1], -1);
}

/// <summary>A block: attention, then a feed-forward part, each added to its input and normalised after.</summary>
internal sealed class BertLayer(string path, BertConfig config, ModelBuilder builder)
{
    private readonly int _heads = config.Heads;
    private readonly Projection _query = builder.Projection(path + ".attention.self.query", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly Projection _key = builder.Projection(path + ".attention.self.key", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly Projection _value = builder.Projection(path + ".attention.self.value", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly Projection _output = builder.Projection(path + ".attention.output.dense", config.HiddenSize, config.HiddenSize, bias: true);
    private readonly LayerNorm _attentionNorm = new(path + ".attention.output.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
    private readonly Projection _up = builder.Projection(path + ".intermediate.dense", config.HiddenSize, config.IntermediateSize, bias: true);
    private readonly Projection _down = builder.Projection(path + ".output.dense", config.IntermediateSize, config.HiddenSize, bias: true);
    private readonly LayerNorm _outputNorm = new(path + ".output.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);

    /// <summary>[B, T, D] → [B, T, D], or [B, 1, D] where only the first token's output is wanted.</summary>
    public Tensor Forward(Tensor xBTD, Tensor? mask, ForwardMode mode, bool firstTokenOnly)
    {
        using var scope = NewDisposeScope();
        var queryInput = firstTokenOnly ? xBTD.narrow(1, 0, 1) : xBTD;
        var contextBTD = Attend(queryInput, xBTD, mask, mode);
        var attendedBTD = _attentionNorm.Forward(Dropout.Apply(_output.Forward(contextBTD, mode), mode.HiddenDropout, mode) + queryInput);
        var innerBTF = nn.functional.gelu(_up.Forward(attendedBTD, mode));
        return _outputNorm.Forward(Dropout.Apply(_down.Forward(innerBTF, mode), mode.HiddenDropout, mode) + attendedBTD).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor queryInput, Tensor xBTD, Tensor? mask, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var projected = ReferenceEquals(queryInput, xBTD)
            ? Projection.ForwardTogether(xBTD, mode, _query, _key, _value)
            : [_query.Forward(queryInput, mode), .. Projection.ForwardTogether(xBTD, mode, _key, _value)];
        var (qBHTK, kBHTK, vBHTK) = (Attention.SplitHeads(projected[0], _heads), Attention.SplitHeads(projected[1], _heads), Attention.SplitHeads(projected[2], _heads));
        var contextBHTK = nn.functional.scaled_dot_product_attention(qBHTK, kBHTK, vBHTK, mask, mode.AttentionDropout);
        return Attention.JoinHeads(contextBHTK).MoveToOuterDisposeScope();
    }
}

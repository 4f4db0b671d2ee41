using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.DebertaV2;

// B sequences, T tokens, D width, S distances.

/// <summary>DeBERTa's encoder and pooler. Names of the weights are those of Hugging Face's files.</summary>
public sealed class DebertaV2Model : Backbone
{
    private readonly DebertaV2Config _config;
    private readonly DebertaV2Embeddings _embeddings;
    private readonly List<DebertaV2Layer> _layers;
    private readonly Weight? _distances;
    private readonly LayerNorm? _distanceNorm;
    private readonly DebertaV2Convolution? _convolution;
    private readonly Projection _pooler;
    private readonly ScalarType _dtype;

    internal DebertaV2Model(DebertaV2Config config, ModelBuilder builder)
    {
        (_config, _dtype) = (config, builder.Dtype);
        _embeddings = new DebertaV2Embeddings(config, builder);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(i =>
            new DebertaV2Layer(FormattableString.Invariant($"deberta.encoder.layer.{i}"), config, builder))];
        _distances = config.Relative is { } relative ? builder.Weight("deberta.encoder.rel_embeddings.weight", 2L * relative.Span, config.HiddenSize) : null;
        _distanceNorm = config.Relative?.Normalised == true
            ? new LayerNorm("deberta.encoder.LayerNorm", config.HiddenSize, config.LayerNormEps, builder)
            : null;
        _convolution = config.ConvolutionWidth > 0 ? new DebertaV2Convolution(config, builder) : null;
        _pooler = builder.Pooler("pooler.dense", config.HiddenSize, config.InitializerRange);
    }

    /// <inheritdoc/>
    public override Tensor HiddenStates(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var shared = Shared(batch);
        var xBTD = _embeddings.Forward(batch, mode);
        for (var i = 0; i < _layers.Count; i++) xBTD = Block(i, xBTD, batch, shared, mode, firstTokenOnly: false);
        return xBTD.MoveToOuterDisposeScope();
    }

    /// <summary>The pooler's layer and its activation on the first token or what <see cref="ModelConfig.Pooling"/> says, [B, D].</summary>
    public override Tensor Pooled(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        return Cut(batch, mode).Run().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ForwardPass Cut(TokenBatch batch, ForwardMode mode)
    {
        var shared = Shared(batch);
        return new ForwardPass(
            mode,
            () => _embeddings.Forward(batch, mode),
            [.. Enumerable.Range(0, _layers.Count).Select(i =>
                (Func<Tensor, bool, Tensor>)((xBTD, _) =>
                    Block(i, xBTD, batch, shared, mode, firstTokenOnly: _config.Pooling == Pooling.First && i == _layers.Count - 1)))],
            xBTD => Pooler(Pool.Take(_config.Pooling, xBTD, batch), mode));
    }

    private Tensor Pooler(Tensor stateBD, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var pooledBD = _pooler.Forward(Dropout.Apply(stateBD, _config.PoolerDropout, mode).to(_pooler.Matrix.ComputeType), mode);
        return _config.PoolerActivation.Apply(pooledBD).MoveToOuterDisposeScope();
    }

    private Tensor Block(int index, Tensor xBTD, TokenBatch batch, SharedByBlocks shared, ForwardMode mode, bool firstTokenOnly)
    {
        using var scope = NewDisposeScope();
        var distances = shared.Distances ?? Distances(shared.PlacesTT);

        // The convolution reads the embeddings, which are the first block's input, and its output is added for every token.
        var convolution = index == 0 ? _convolution : null;
        var yBTD = _layers[index].Forward(xBTD, shared.Mask, distances, mode, firstTokenOnly && convolution is null);
        return (convolution?.Forward(xBTD, yBTD, batch, mode) ?? yBTD).MoveToOuterDisposeScope();
    }

    // Embeddings of distances that are trained are made by every block anew: a block's backward pass must not need another's.
    private SharedByBlocks Shared(TokenBatch batch)
    {
        var mask = Attention.PaddingMask(batch, _dtype);
        if (_config.Relative is not { } relative) return new SharedByBlocks(mask, null, null);
        var placesTT = DebertaV2.Distances.Places(relative, batch.Length, batch.IdsBT.device);
        var distances = Distances(placesTT)!;
        return new SharedByBlocks(mask, placesTT, distances.Embeddings1SD.requires_grad ? null : distances);
    }

    private Distances? Distances(Tensor? placesTT)
    {
        if (placesTT is null) return null;
        using var scope = NewDisposeScope();
        var table = _distances!.In(_dtype);
        var embeddings = _distanceNorm?.Forward(table) ?? table;
        return new Distances(embeddings.unsqueeze(0).MoveToOuterDisposeScope(), placesTT);
    }

    // Mask [B, 1, 1, T], places of distances int64 [T, T].
    private sealed record SharedByBlocks(Tensor? Mask, Tensor? PlacesTT, Distances? Distances);
}

/// <summary>Distances between the tokens of a batch.</summary>
/// <param name="Embeddings1SD">Their embeddings, [1, S, D].</param>
/// <param name="PlacesTT">Place among them of the distance from query to key, int64 [T, T].</param>
internal sealed record Distances(Tensor Embeddings1SD, Tensor PlacesTT)
{
    /// <summary>
    /// Query minus key, put into buckets and shifted to begin at 0, int64 [T, T]. Beyond half the buckets the logarithm decides; it is taken in
    /// fp32 as in Transformers, where rounding decides at the borders.
    /// </summary>
    public static Tensor Places(RelativePositions relative, long tokens, Device device)
    {
        using var scope = NewDisposeScope();
        var placesT = arange(tokens, dtype: ScalarType.Int64, device: device);
        var signedTT = placesT.unsqueeze(1) - placesT.unsqueeze(0);
        if (relative.Buckets > 0) signedTT = Buckets(relative, placesT).index_select(0, signedTT.abs().view(-1)).view(tokens, tokens) * signedTT.sign();
        return (signedTT + relative.Span).clamp_(0, (2L * relative.Span) - 1).MoveToOuterDisposeScope();
    }

    // Of each distance from 0.
    private static Tensor Buckets(RelativePositions relative, Tensor distancesT)
    {
        var middle = relative.Buckets / 2;
        var apart = distancesT.clamp(min: middle).to(ScalarType.Float32);
        var longest = tensor((float)((relative.MaxDistance - 1) / (double)middle), device: distancesT.device).log();
        var logarithmic = (apart.div(middle).log().div(longest).mul(middle - 1).ceil() + middle).to(ScalarType.Int64);
        return where(distancesT.le(middle), distancesT, logarithmic);
    }
}

/// <summary>Embeddings of the words, and of positions and segments where the model has them, normalised; nothing where there is only padding.</summary>
internal sealed class DebertaV2Embeddings
{
    private const string Path = "deberta.embeddings.";
    private readonly TokenEmbedding _words;
    private readonly Weight? _positions;
    private readonly Weight? _types;
    private readonly Projection? _projection;
    private readonly LayerNorm _norm;

    public DebertaV2Embeddings(DebertaV2Config config, ModelBuilder builder)
    {
        _words = builder.Embedding(Path + "word_embeddings.weight", config.VocabularySize, config.EmbeddingSize);
        _positions = config.AbsolutePositions > 0 ? builder.Weight(Path + "position_embeddings.weight", config.AbsolutePositions, config.EmbeddingSize) : null;
        _types = config.TypeVocabularySize > 0 ? builder.Weight(Path + "token_type_embeddings.weight", config.TypeVocabularySize, config.EmbeddingSize) : null;
        _projection = config.EmbeddingSize == config.HiddenSize
            ? null
            : builder.Projection(Path + "embed_proj", config.EmbeddingSize, config.HiddenSize, bias: false);
        _norm = new LayerNorm(Path + "LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
    }

    /// <summary>[B, T] → [B, T, D].</summary>
    public Tensor Forward(TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var wordsBTD = _words.Forward(batch.IdsBT);
        var xBTD = wordsBTD;
        if (_positions is not null) xBTD = xBTD + _positions.Value.narrow(0, 0, batch.Length);
        if (_types is not null)
        {
            xBTD = xBTD + (batch.TokenTypeIdsBT is { } tokenTypeIdsBT && _types.Shape[0] > 1 ? Rows(_types, tokenTypeIdsBT) : _types.Value.narrow(0, 0, 1));
        }

        xBTD = xBTD.to(wordsBTD.dtype);
        xBTD = _norm.Forward(_projection?.Forward(xBTD, mode) ?? xBTD);
        if (batch.AttentionMaskBT is { } attentionMaskBT) xBTD = xBTD * attentionMaskBT.unsqueeze(-1).to(xBTD.dtype);
        return Dropout.Apply(xBTD, mode.HiddenDropout, mode).MoveToOuterDisposeScope();
    }

    private static Tensor Rows(Weight table, Tensor idsBT) => table.Value.index_select(0, idsBT.view(-1)).view(idsBT.shape[0], idsBT.shape[1], -1);
}

/// <summary>Neighbouring embeddings mixed by a convolution and added to the first layer's output (DeBERTa v2's larger models).</summary>
internal sealed class DebertaV2Convolution(DebertaV2Config config, ModelBuilder builder)
{
    private const string Path = "deberta.encoder.conv.";
    private readonly Weight _weight =
        builder.Weight(Path + "conv.weight", config.HiddenSize, config.HiddenSize / config.ConvolutionGroups, config.ConvolutionWidth);
    private readonly Weight _bias = builder.Weight(Path + "conv.bias", config.HiddenSize);
    private readonly LayerNorm _norm = new(Path + "LayerNorm", config.HiddenSize, config.LayerNormEps, builder);

    /// <summary>[B, T, D] of embeddings and of the first layer's output → [B, T, D].</summary>
    public Tensor Forward(Tensor embeddedBTD, Tensor xBTD, TokenBatch batch, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var mixedBDT = nn.functional.conv1d(
            embeddedBTD.transpose(1, 2), _weight.In(embeddedBTD.dtype), _bias.In(embeddedBTD.dtype),
            padding: (config.ConvolutionWidth - 1) / 2, groups: config.ConvolutionGroups);
        var mixedBTD = mixedBDT.transpose(1, 2);
        var keepBT1 = batch.AttentionMaskBT?.unsqueeze(-1).to(xBTD.dtype);
        if (keepBT1 is not null) mixedBTD = mixedBTD * keepBT1;
        var sumBTD = _norm.Forward(xBTD + config.ConvolutionActivation.Apply(Dropout.Apply(mixedBTD, mode.HiddenDropout, mode)));
        return (keepBT1 is null ? sumBTD : sumBTD * keepBT1).MoveToOuterDisposeScope();
    }
}

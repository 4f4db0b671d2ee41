using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.DebertaV2;

// B sequences, T tokens (Q of them ask), D width, H heads, K head size, F feed-forward width, S distances.

/// <summary>A block: disentangled attention, then a feed-forward part, each added to its input and normalised after.</summary>
internal sealed class DebertaV2Layer(string path, DebertaV2Config config, ModelBuilder builder)
{
    // What scores are divided by, rounded to their type as Transformers does: models were trained with that.
    private readonly double _scale = Precisions.Round(Math.Sqrt((double)config.HiddenSize / config.Heads * config.ScoreTerms), builder.Dtype);
    private readonly Projection _query = Square(path + ".attention.self.query_proj", config, builder);
    private readonly Projection _key = Square(path + ".attention.self.key_proj", config, builder);
    private readonly Projection _value = Square(path + ".attention.self.value_proj", config, builder);
    private readonly Projection? _positionKey = config.Relative is { SharesLayers: false, ContentToPosition: true }
        ? Square(path + ".attention.self.pos_key_proj", config, builder)
        : null;
    private readonly Projection? _positionQuery = config.Relative is { SharesLayers: false, PositionToContent: true }
        ? Square(path + ".attention.self.pos_query_proj", config, builder)
        : null;
    private readonly Projection _output = Square(path + ".attention.output.dense", config, builder);
    private readonly LayerNorm _attentionNorm = new(path + ".attention.output.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
    private readonly Projection _up = builder.Projection(path + ".intermediate.dense", config.HiddenSize, config.IntermediateSize, bias: true);
    private readonly Projection _down = builder.Projection(path + ".output.dense", config.IntermediateSize, config.HiddenSize, bias: true);
    private readonly LayerNorm _outputNorm = new(path + ".output.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);

    /// <summary>[B, T, D] → [B, T, D], or [B, 1, D] where only the first token's output is wanted.</summary>
    public Tensor Forward(Tensor xBTD, Tensor? mask, Distances? distances, ForwardMode mode, bool firstTokenOnly)
    {
        using var scope = NewDisposeScope();
        var queryInput = firstTokenOnly ? xBTD.narrow(1, 0, 1) : xBTD;
        var contextBTD = Attend(queryInput, xBTD, mask, distances, mode);
        var attendedBTD = _attentionNorm.Forward(Dropout.Apply(_output.Forward(contextBTD, mode), mode.HiddenDropout, mode) + queryInput);
        var innerBTF = config.Activation.Apply(_up.Forward(attendedBTD, mode));
        return _outputNorm.Forward(Dropout.Apply(_down.Forward(innerBTF, mode), mode.HiddenDropout, mode) + attendedBTD).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor queryInput, Tensor xBTD, Tensor? mask, Distances? distances, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var projected = Projection.ForwardTogether(queryInput, xBTD, mode, _query, _key, _value);
        var (qBHQK, kBHTK, vBHTK) = (
            Attention.SplitHeads(projected[0], config.Heads), Attention.SplitHeads(projected[1], config.Heads),
            Attention.SplitHeads(projected[2], config.Heads));
        var scoresBHQT = einsum("bhqk,bhtk->bhqt", qBHQK, kBHTK / _scale);
        if (distances is not null && DistanceScores(qBHQK, kBHTK, distances, mode) is { } ofDistances) scoresBHQT.add_(ofDistances);
        if (mask is not null) scoresBHQT.add_(mask);
        return Attention.JoinHeads(Attention.Weigh(scoresBHQT, vBHTK, mode.AttentionDropout)).MoveToOuterDisposeScope();
    }

    // Content asks for distances, and distances for content: [B, H, Q, T].
    private Tensor? DistanceScores(Tensor qBHQK, Tensor kBHTK, Distances distances, ForwardMode mode)
    {
        var relative = config.Relative!;
        using var scope = NewDisposeScope();
        var embeddings1SD = Dropout.Apply(distances.Embeddings1SD, mode.HiddenDropout, mode);
        var (batch, heads, queries, keys) = (qBHQK.shape[0], qBHQK.shape[1], qBHQK.shape[2], kBHTK.shape[2]);
        var placesQT = distances.PlacesTT.narrow(0, 0, queries);
        Tensor? sum = null;
        if (relative.ContentToPosition)
        {
            var keysHSK = Attention.SplitHeads((_positionKey ?? _key).Forward(embeddings1SD, mode), heads).squeeze(0);
            var scoresBHQS = einsum("bhqk,hsk->bhqs", qBHQK, keysHSK);
            sum = scoresBHQS.gather(-1, placesQT.expand(batch, heads, queries, keys)).div_(_scale);
        }

        if (relative.PositionToContent)
        {
            // The distance from query to key is the same seen from the key: its sign and its place in the table turn round together.
            var queriesHSK = Attention.SplitHeads((_positionQuery ?? _query).Forward(embeddings1SD, mode), heads).squeeze(0);
            var scoresBHTS = einsum("bhtk,hsk->bhts", kBHTK, queriesHSK);
            var gatheredBHQT = scoresBHTS.gather(-1, placesQT.transpose(0, 1).expand(batch, heads, keys, queries)).div_(_scale).transpose(-1, -2);
            sum = sum?.add_(gatheredBHQT) ?? gatheredBHQT;
        }

        return sum?.MoveToOuterDisposeScope();
    }

    private static Projection Square(string path, DebertaV2Config config, ModelBuilder builder)
        => builder.Projection(path, config.HiddenSize, config.HiddenSize, bias: true);
}

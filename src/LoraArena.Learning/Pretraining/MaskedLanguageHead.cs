using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Bert;
using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Pretraining;

/// <summary>
/// BERT's masked-language-model head: a layer, a norm, and the word embeddings used backwards. Names are those of Transformers'
/// <c>BertForMaskedLM</c>.
/// </summary>
public sealed class MaskedLanguageHead
{
    private const string Path = "cls.predictions.";
    private readonly Projection _dense;
    private readonly LayerNorm _norm;
    private readonly Weight _bias;
    private readonly Weight _words;

    /// <summary>A head for a model.</summary>
    public MaskedLanguageHead(BertConfig config, BertModel model, ModelBuilder builder)
    {
        _dense = builder.Projection(Path + "transform.dense", config.HiddenSize, config.HiddenSize, bias: true);
        _norm = new LayerNorm(Path + "transform.LayerNorm", config.HiddenSize, config.LayerNormEps, builder);
        _bias = builder.Weight(Path + "bias", config.VocabularySize);
        _words = model.WordEmbeddings;
        Weights = builder.Weights;
    }

    /// <summary>Its own weights; the word embeddings are the model's.</summary>
    public IReadOnlyList<Weight> Weights { get; }

    /// <summary>[M, D] → [M, V].</summary>
    public Tensor Forward(Tensor hiddenMD)
    {
        using var scope = NewDisposeScope();
        var innerMD = _norm.Forward(nn.functional.gelu(_dense.Forward(hiddenMD, ForwardMode.Inference)));
        return LinearProduct.Of(innerMD, _words.Value, _bias.Value).MoveToOuterDisposeScope();
    }
}

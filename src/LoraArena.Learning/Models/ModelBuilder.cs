using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>Hands weights to the modules of a model while it is built, and keeps the list of all that it handed out.</summary>
/// <param name="source">Where they come from.</param>
/// <param name="device">Where they go.</param>
/// <param name="dtype">The type they are computed in.</param>
/// <param name="seed">Seed of what the source does not have and has to be new.</param>
public sealed class ModelBuilder(WeightSource source, Device device, ScalarType dtype, long seed = 0)
{
    private readonly List<Weight> _weights = [];
    private readonly List<Projection> _sites = [];

    /// <summary>Every weight, in the order of building.</summary>
    public IReadOnlyList<Weight> Weights => _weights;

    /// <summary>Every linear layer of the backbone: what can carry an adapter.</summary>
    public IReadOnlyList<Projection> Sites => _sites;

    /// <summary>The embeddings of tokens; null before <see cref="Embedding"/>.</summary>
    public TokenEmbedding? Embeddings { get; private set; }

    /// <summary>A pooler that the source does not have: part of the head then. Null where it is one of the weights, or there is none.</summary>
    public Projection? NewPooler { get; private set; }

    /// <summary>The device of every weight.</summary>
    public Device Device { get; } = device;

    /// <summary>The type of every weight.</summary>
    public ScalarType Dtype { get; } = dtype;

    /// <summary>A weight by its name.</summary>
    /// <exception cref="ModelException">It is missing or of another shape.</exception>
    public Weight Weight(string name, params long[] shape)
    {
        var weight = new Weight(name, source.Take(name, shape, Device, Dtype));
        _weights.Add(weight);
        return weight;
    }

    /// <summary>The table of token embeddings, where virtual tokens come in.</summary>
    /// <param name="name">The table's name.</param>
    /// <param name="vocabulary">Tokens known.</param>
    /// <param name="width">Width of a token.</param>
    public TokenEmbedding Embedding(string name, long vocabulary, long width) => Embeddings = new TokenEmbedding(Weight(name, vocabulary, width));

    /// <summary>A linear layer of the backbone, a site for adapters.</summary>
    /// <param name="path">Its path in Hugging Face's model with a head.</param>
    /// <param name="inFeatures">Width of what goes in.</param>
    /// <param name="outFeatures">Width of what comes out.</param>
    /// <param name="bias">True if it adds a bias.</param>
    public Projection Projection(string path, long inFeatures, long outFeatures, bool bias)
    {
        var projection = new Projection(path, Weight(path + ".weight", outFeatures, inFeatures), bias ? Weight(path + ".bias", outFeatures) : null);
        _sites.Add(projection);
        return projection;
    }

    /// <summary>
    /// The layer between the pooled state and the head. One that the source has is a site like others; a new one belongs to the head, since
    /// whoever loads an adapter must find its random start there.
    /// </summary>
    /// <param name="path">Its path in Hugging Face's model with a head.</param>
    /// <param name="width">Width of what goes in and comes out.</param>
    /// <param name="deviation">Standard deviation of new weights.</param>
    public Projection Pooler(string path, long width, double deviation)
    {
        if (source.Has(path + ".weight")) return Projection(path, width, width, bias: true);
        NewPooler = PreferenceHead.NewLayer(path, width, width, bias: true, deviation, Device, seed, stream: 2);
        return NewPooler;
    }
}

using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>One adapted linear layer: the frozen base and this variant's own weights. I features in, O out.</summary>
/// <param name="site">The layer that carries it.</param>
public abstract class AdapterLayer(Projection site) : IDisposable
{
    /// <summary>The layer that carries it.</summary>
    public Projection Site { get; } = site;

    /// <summary>Its trainable weights, named as PEFT names them after the layer's path: <c>lora_A.weight</c>.</summary>
    public abstract IReadOnlyList<Weight> Weights { get; }

    /// <summary>Its own tensors that do not train but belong to the adapter: they are saved and read with it.</summary>
    public virtual IReadOnlyList<Weight> Frozen => [];

    /// <summary>Tensors that a run needs to go on, and nobody else: checkpoints hold them, adapter folders do not.</summary>
    public virtual IReadOnlyList<Weight> Internal => [];

    /// <summary>[…, I] → […, O], base included.</summary>
    public abstract Tensor Forward(Tensor x, ForwardMode mode);

    /// <summary>True if <see cref="ForwardTogether"/> computes this layer and another one, which reads the same input, in one go.</summary>
    public virtual bool JoinsWith(AdapterLayer other) => false;

    /// <summary>The outputs of layers that read the same input and that <see cref="JoinsWith"/> lets join.</summary>
    /// <param name="x">Their input, […, I].</param>
    /// <param name="mode">How the pass is made.</param>
    /// <param name="layers">The layers, this one first.</param>
    public virtual IReadOnlyList<Tensor> ForwardTogether(Tensor x, ForwardMode mode, IReadOnlyList<AdapterLayer> layers)
        => [.. layers.Select(layer => layer.Forward(x, mode))];

    /// <summary>What merging adds to W, fp32 [O, I].</summary>
    public abstract Tensor DeltaWeight();

    /// <summary>Folds it into the base weight, W += ΔW in fp32, and takes it off.</summary>
    public virtual void Merge()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Site.Replace(Site.Matrix.Dense(ScalarType.Float32) + DeltaWeight());
        Site.Adapter = null;
    }

    /// <summary>Takes it off; a layer that has moved the base weight moves it back.</summary>
    public virtual void Detach() => Site.Adapter = null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weight in Weights.Concat(Frozen).Concat(Internal)) weight.Dispose();
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes of what is none of its weights.</summary>
    protected virtual void Release()
    {
    }
}

/// <summary>
/// A layer that is its base with another weight: y = (W + ΔW) x + b, with ΔW made anew in every forward pass, so that gradients go through
/// it.
/// </summary>
/// <param name="site">The layer that carries it.</param>
/// <param name="dropout">Dropout on what ΔW sees; the base sees the input whole.</param>
public abstract class DeltaLayer(Projection site, double dropout = 0) : AdapterLayer(site)
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();

        // One product instead of two where both see the same input; a base of fewer bits would round a small ΔW away.
        var weight = Site.Weight.Value;
        if ((dropout == 0 || !mode.Training) && weight.dtype == ScalarType.Float32)
        {
            return LinearProduct.Of(x, weight + DeltaWeight(), Site.Bias?.Value).MoveToOuterDisposeScope();
        }

        var dropped = Dropout.Apply(x.to(ScalarType.Float32), dropout, mode);
        return (Site.Base(x) + LinearProduct.Of(dropped, DeltaWeight()).to(x.dtype)).MoveToOuterDisposeScope();
    }
}

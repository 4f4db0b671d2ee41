using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>One layer with LoRA.</summary>
public class LoraLayer : AdapterLayer
{
    private readonly double _dropout;
    private readonly IReadOnlyList<Weight> _start;
    private readonly bool _trainsA;
    private readonly bool _trainsB;

    /// <summary>Makes the layer; A and B have the values that a seed alone gives.</summary>
    public LoraLayer(Projection site, LoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        (Rank, Scale, _dropout) = (options.RankOf(site.Path), options.ScaleOf(site.Path), options.LoraDropout);
        (_trainsA, _trainsB) = (options.TrainsA, options.TrainsB);
        var start = LoraStart.Get(options.InitLoraWeights);
        var device = site.Device;
        context.SeedStart();
        var (aRI, bOR) = start.Draw(site.Shape, Rank);
        A = new Weight("lora_A.weight", aRI.to(device));
        B = new Weight("lora_B.weight", bOR.to(device));
        _start = start.MovesBase ? [new Weight("start_A", zeros_like(A.Value)), new Weight("start_B", zeros_like(B.Value))] : [];
    }

    /// <summary>A, [R, I].</summary>
    public Weight A { get; private set; }

    /// <summary>B, [O, R].</summary>
    public Weight B { get; private set; }

    /// <summary>Columns of B.</summary>
    public int Rank { get; private set; }

    /// <summary>What multiplies B A.</summary>
    public double Scale { get; private set; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => Factors(_trainsA, _trainsB);

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Frozen => Factors(!_trainsA, !_trainsB);

    /// <summary>What A and B started from, where the base weight was moved by −s B A of them; empty where it was not.</summary>
    public override IReadOnlyList<Weight> Internal => _start;

    /// <summary>True if the layer's output is LoRA's own: a relative that computes another one cannot join.</summary>
    protected virtual bool IsPlain => GetType() == typeof(LoraLayer);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode) => Product(x, mode, [this])[0];

    /// <inheritdoc/>
    public override bool JoinsWith(AdapterLayer other) => IsPlain && other is LoraLayer lora && lora.GetType() == GetType() && lora._dropout == _dropout;

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> ForwardTogether(Tensor x, ForwardMode mode, IReadOnlyList<AdapterLayer> layers)
        => Product(x, mode, [.. layers.Cast<LoraLayer>()]);

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (mm(B.Value, A.Value) * Scale).MoveToOuterDisposeScope();
    }

    /// <summary>Starts from factors that the weights or the data gave.</summary>
    /// <param name="aRI">A, [R, I].</param>
    /// <param name="bOR">B, [O, R].</param>
    public void StartFrom(Tensor aRI, Tensor bOR)
    {
        A.Value.detach().copy_(aRI);
        B.Value.detach().copy_(bOR);
        if (_start.Count == 0) return;
        _start[0].Value.copy_(aRI);
        _start[1].Value.copy_(bOR);
        MoveBase(-1);
    }

    /// <summary>Takes another rank before anything is trained: rows that there are stay, more are zero, and so is B.</summary>
    internal void ChangeRank(int rank, double scale)
    {
        using var scope = NewDisposeScope();
        Scale = scale;
        if (rank == Rank) return;
        var (a, b) = (
            new Weight(A.Name, zeros([rank, Site.InFeatures], ScalarType.Float32, A.Value.device)),
            new Weight(B.Name, zeros([Site.OutFeatures, rank], ScalarType.Float32, A.Value.device)));
        a.Value.narrow(0, 0, Math.Min(rank, Rank)).copy_(A.Value.narrow(0, 0, Math.Min(rank, Rank)));
        A.Dispose();
        B.Dispose();
        (A, B, Rank) = (a, b, rank);
    }

    /// <summary>Uses another layer's A and B from now on, as its own.</summary>
    internal void UseFactorsOf(LoraLayer owner)
    {
        if (ReferenceEquals(A, owner.A)) return;
        A.Dispose();
        B.Dispose();
        (A, B) = (owner.A, owner.B);
    }

    /// <summary>Moves the base weight by ±s B A of the starting values.</summary>
    internal void MoveBase(double sign)
    {
        if (_start.Count == 0) return;
        using var scope = NewDisposeScope();
        Site.Weight.Value.add_(mm(_start[1].Value, _start[0].Value), alpha: sign * Scale);
        BaseHasMoved();
    }

    /// <inheritdoc/>
    public override void Detach()
    {
        using var noGrad = no_grad();
        MoveBase(1);
        base.Detach();
    }

    /// <summary>Forgets what it has computed from A and B: they have changed.</summary>
    public virtual void FactorsHaveMoved()
    {
    }

    /// <summary>False for a weight that weight decay would harm.</summary>
    internal virtual bool Decays(Weight weight) => true;

    /// <summary>Follows a change of the base weight.</summary>
    protected virtual void BaseHasMoved()
    {
    }

    /// <summary>True where the gradients need what the product gives, even if nobody else does.</summary>
    protected virtual bool NeedsOutput => false;

    /// <summary>What the product adds to each row.</summary>
    protected virtual Tensor? ProductBias => Site.Bias?.Value;

    /// <summary>Makes the layer's output of x (W + s B A)ᵀ and <see cref="ProductBias"/>.</summary>
    protected virtual Tensor Finish(Tensor y) => y;

    private static IReadOnlyList<Tensor> Product(Tensor x, ForwardMode mode, IReadOnlyList<LoraLayer> layers)
    {
        if (layers.Any(layer => layer.BaseTrains)) return [.. layers.Select(layer => layer.Composed(x, mode))];

        // Where the pass has no seeds of its own, libtorch's generator gives one.
        var dropout = mode.Training ? layers[0]._dropout : 0;
        var seed = dropout == 0 ? 0 : mode.Random?.NextSeed() ?? RandomStreams.Next();
        var outputs = LowRankProduct.Of(
            x, [.. layers.Select(layer => new LowRankSite(layer.Site.Matrix, layer.ProductBias, layer.A.Value, layer.B.Value, layer.Scale))],
            dropout, seed, mode.OutputUnused && !layers.Any(layer => layer.NeedsOutput));
        return [.. outputs.Select((y, i) => layers[i].Finish(y))];
    }

    // Of plain operations, for a base that has gradients itself.
    private Tensor Composed(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = LinearProduct.Of(dropped, A.Value) * Scale;
        return (Site.Base(x) + LinearProduct.Of(hNR, B.Value).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>True where the product's own weight or bias has gradients.</summary>
    protected virtual bool BaseTrains => Site.Bias is { Value.requires_grad: true } || Site.Matrix is DenseMatrix { Weight.Value.requires_grad: true };

    private IReadOnlyList<Weight> Factors(bool a, bool b) => (a, b) switch
    {
        (true, true) => [A, B],
        (true, false) => [A],
        (false, true) => [B],
        _ => [],
    };
}

using System.ComponentModel.DataAnnotations;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// L layers of one rank, R rank, I features in, O features out.

/// <summary>
/// LoRA-RITE: LoRA with an optimiser whose steps do not depend on how the product B A is split into factors. Yen et al. 2024, arXiv:2410.20625; in
/// the form with square roots of Gram matrices instead of QR factors, which is as invariant and runs for all layers at once.
/// </summary>
public sealed class LoraRite : LoraFamily<LoraRiteOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-rite", "LoRA-RITE", "LoRA with an adaptive optimiser that sees the product of the factors, not the factors.", "arXiv:2410.20625", PeftType: "LORA", ParameterFormula: "r · (I + O)");

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraRiteOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLoraRite(this, options, [.. layers.Cast<LoraLayer>()]);
}

/// <summary>LoRA's options and the optimiser's.</summary>
public sealed record LoraRiteOptions : LoraOptions
{
    /// <summary>Decay of the average of steps.</summary>
    [Range(0.0, 0.9999)]
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the average of second moments.</summary>
    [Range(0.0, 0.99999)]
    public double Beta2 { get; init; } = 0.999;

    /// <summary>What is added to the root of a second moment's eigenvalue.</summary>
    [Range(1e-12, 1.0)]
    public double Eps { get; init; } = 1e-6;

    /// <summary>Greatest norm of all unmagnified gradients together; 0 for no limit.</summary>
    [Range(0.0, 1e6)]
    public double ClipUnmagnifiedGrad { get; init; } = 1;

    /// <summary>A factor whose unmagnified gradient has a greater root mean square than this is not moved in that step; 0 for no limit.</summary>
    [Range(0.0, 1e6)]
    public double UpdateSkipping { get; init; } = 1;

    /// <summary>Keeps what the second moment loses when the basis turns as a floor of it, as the paper does and its authors' code by default does not.</summary>
    public bool ApplyEscape { get; init; }

    /// <summary>Gives both factors the same norm after each step; the product stays.</summary>
    public bool BalanceParam { get; init; }
}

/// <summary>LoRA-RITE on a model.</summary>
internal sealed class AttachedLoraRite(LoraRite variant, LoraRiteOptions options, IReadOnlyList<LoraLayer> layers) : AttachedLora(variant, options, layers)
{
    private readonly HashSet<Weight> _factors = [.. layers.SelectMany(layer => layer.Weights)];

    public override OptimizerGroup GroupOf(Weight weight) => _factors.Contains(weight) ? OptimizerGroup.Plain with { HasOwnRule = true } : base.GroupOf(weight);

    public override Optimizer CreateOptimizer(FlatParameters parameters, double weightDecay) => new Rite(base.CreateOptimizer(parameters, weightDecay), LoraLayers, options, weightDecay);
}

/// <summary>The optimiser. Factors in row layout: A and all that belongs to it is [R, I], B is [O, R].</summary>
internal sealed class Rite : Optimizer
{
    private const double Smallest = 1e-12;
    private readonly Optimizer _rest;
    private readonly LoraRiteOptions _options;
    private readonly double _weightDecay;
    private readonly IReadOnlyList<Group> _groups;

    public Rite(Optimizer rest, IReadOnlyList<LoraLayer> layers, LoraRiteOptions options, double weightDecay)
    {
        (_rest, _options, _weightDecay) = (rest, options, weightDecay);
        _groups = [.. FactorStack.ByRank(layers).Select(layersOfRank => new Group(layersOfRank))];
    }

    public override void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _rest.Step(learningRate);
        var t = Steps++;
        var (beta1, beta2) = (Decay(_options.Beta1, t), Decay(_options.Beta2, t));
        var work = _groups.Select(group => (Group: group, Step: Unmagnify(group))).ToList();
        var shrink = Clip([.. work.SelectMany(w => w.Step.UA.Concat(w.Step.UB))]);
        foreach (var (group, step) in work) Move(group, step, shrink, beta1, beta2, learningRate);
    }

    public override Dictionary<string, Tensor> State()
    {
        var state = _rest.State();
        foreach (var group in _groups)
        {
            foreach (var (name, value) in group.Tensors) state.Add("rite." + name, value);
        }

        return state;
    }

    public override void Restore(Func<string, Tensor> read, long steps)
    {
        base.Restore(read, steps);
        _rest.Restore(read, steps);
    }

    public override void Reset()
    {
        _rest.Reset();
        foreach (var tensor in _groups.SelectMany(group => group.Tensors.Select(t => t.Value))) tensor.zero_();
        Steps = 0;
    }

    public override void Dispose()
    {
        _rest.Dispose();
        foreach (var tensor in _groups.SelectMany(group => group.Tensors.Select(t => t.Value))) tensor.Dispose();
    }

    // The bias-corrected decay: 0 in the first step.
    private static double Decay(double beta, long t) => beta * (1 - Math.Pow(beta, t)) / (1 - Math.Pow(beta, t + 1));

    // M^(-1/2) of symmetric matrices, with 0 for the inverse of 0.
    private static Tensor InverseRoot(Tensor gramLRR)
    {
        var (values, vectors) = linalg.eigh(gramLRR);
        var kept = values > (Smallest * values.amax([-1], keepdim: true)).clamp_min(double.Epsilon);
        return FactorStack.OfEigenvalues(values.clamp_min(1e-300).rsqrt() * kept.to(ScalarType.Float64), vectors);
    }

    private static Tensor Symmetric(Tensor m) => (m + m.transpose(1, 2)) / 2;

    private GroupStep Unmagnify(Group group)
    {
        var (iA, iB) = (InverseRoot(FactorStack.GramsOfA(group.Layers)), InverseRoot(FactorStack.GramsOfB(group.Layers)));
        var uA = group.Layers.Select((layer, i) => Skip(mm(iB[i], layer.A.Value.grad!.to(ScalarType.Float64)))).ToList();
        var uB = group.Layers.Select((layer, i) => Skip(mm(layer.B.Value.grad!.to(ScalarType.Float64), iA[i]))).ToList();
        return new GroupStep(iA, iB, uA, uB);

        Tensor Skip(Tensor u) => _options.UpdateSkipping > 0 ? u * (u.square().mean() <= _options.UpdateSkipping * _options.UpdateSkipping).to(ScalarType.Float64) : u;
    }

    private Tensor? Clip(IReadOnlyList<Tensor> unmagnified)
    {
        if (_options.ClipUnmagnifiedGrad <= 0) return null;
        var norm = stack(unmagnified.Select(u => u.square().sum())).sum().sqrt();
        return (_options.ClipUnmagnifiedGrad / (norm + 1e-6)).clamp_max(1);
    }

    private void Move(Group group, GroupStep step, Tensor? shrink, double beta1, double beta2, double learningRate)
    {
        var count = group.Layers.Count;
        List<(Tensor A, Tensor B)> factors = [.. group.Layers.Select(layer => (layer.A.Value.detach().to(ScalarType.Float64), layer.B.Value.detach().to(ScalarType.Float64)))];

        // From the last step's bases to this one's; zero before there is a last step, when the averages are zero too.
        var pA = bmm(bmm(step.IB, stack(factors.Select((f, i) => mm(f.B.t(), group.OldB[i].to(ScalarType.Float64))))), group.OldIB);
        var pB = bmm(bmm(step.IA, stack(factors.Select((f, i) => mm(f.A, group.OldA[i].to(ScalarType.Float64).t())))), group.OldIA);
        List<Tensor> uA = [.. step.UA.Select(u => shrink is null ? u : u * shrink)];
        List<Tensor> uB = [.. step.UB.Select(u => shrink is null ? u : u * shrink)];
        var kA = Precondition(pA, group.SecondA, group.EscapeA, FactorStack.Grams(uA), group.Layers.Select(layer => (double)layer.Site.InFeatures), beta2);
        var kB = Precondition(pB, group.SecondB, group.EscapeB, FactorStack.Grams([.. uB.Select(u => u.t())]), group.Layers.Select(layer => (double)layer.Site.OutFeatures), beta2);
        for (var i = 0; i < count; i++)
        {
            var (layer, a, b) = (group.Layers[i], factors[i].A, factors[i].B);
            var firstA = (beta1 * mm(pA[i], group.FirstA[i].to(ScalarType.Float64))) + ((1 - beta1) * mm(kA[i], uA[i]));
            var firstB = (beta1 * mm(group.FirstB[i].to(ScalarType.Float64), pB[i].t())) + ((1 - beta1) * mm(uB[i], kB[i]));
            group.FirstA[i].copy_(firstA);
            group.FirstB[i].copy_(firstB);
            group.OldA[i].copy_(layer.A.Value.detach());
            group.OldB[i].copy_(layer.B.Value.detach());
            var newA = a - (learningRate * (mm(step.IB[i], firstA) + (_weightDecay * a)));
            var newB = b - (learningRate * (mm(firstB, step.IA[i]) + (_weightDecay * b)));
            var (sizeA, sizeB) = (newA.norm(), newB.norm());
            var balance = _options.BalanceParam ? (sizeB / sizeA).sqrt() : null;
            layer.A.Value.detach().copy_(balance is null ? newA : newA * balance);
            layer.B.Value.detach().copy_(balance is null ? newB : newB / balance);
        }

        group.OldIA.copy_(step.IA);
        group.OldIB.copy_(step.IB);
    }

    // Turns the second moment into the new basis, adds this step's, and gives its inverse root.
    private Tensor Precondition(Tensor p, Tensor second, Tensor escape, Tensor grams, IEnumerable<double> rows, double beta2)
    {
        var turned = Symmetric(bmm(bmm(p, second), p.transpose(1, 2)));
        if (_options.ApplyEscape)
        {
            var lost = (linalg.eigvalsh(second) - linalg.eigvalsh(turned)).amax([-1]).clamp_min(0);
            var trace = (Trace(second) - Trace(turned)).clamp_min(0);
            escape.add_(minimum(lost, trace)).mul_(beta2);
        }

        var counts = tensor(rows.ToArray(), ScalarType.Float64, second.device).view(-1, 1, 1);
        second.copy_((beta2 * turned) + ((1 - beta2) * grams / counts));
        var (values, vectors) = linalg.eigh(second);
        return FactorStack.OfEigenvalues(((values.clamp_min(0) + escape.unsqueeze(1)).sqrt() + _options.Eps).reciprocal(), vectors);
    }

    private static Tensor Trace(Tensor m) => m.diagonal(dim1: 1, dim2: 2).sum([1]);

    private sealed record GroupStep(Tensor IA, Tensor IB, IReadOnlyList<Tensor> UA, IReadOnlyList<Tensor> UB);

    /// <summary>Layers of one rank with what the optimiser keeps of them.</summary>
    private sealed class Group
    {
        public Group(IReadOnlyList<LoraLayer> layers)
        {
            Layers = layers;
            var (count, rank, device) = (layers.Count, layers[0].Rank, layers[0].Site.Weight.Value.device);
            Tensor Square() => zeros([count, rank, rank], ScalarType.Float64, device).DetachFromDisposeScope();
            IReadOnlyList<Tensor> Like(Func<LoraLayer, Weight> of) => [.. layers.Select(layer => zeros_like(of(layer).Value.detach()).DetachFromDisposeScope())];
            (SecondA, SecondB, OldIA, OldIB) = (Square(), Square(), Square(), Square());
            EscapeA = zeros([count], ScalarType.Float64, device).DetachFromDisposeScope();
            EscapeB = zeros([count], ScalarType.Float64, device).DetachFromDisposeScope();
            (FirstA, FirstB, OldA, OldB) = (Like(l => l.A), Like(l => l.B), Like(l => l.A), Like(l => l.B));
        }

        public IReadOnlyList<LoraLayer> Layers { get; }

        public Tensor SecondA { get; }

        public Tensor SecondB { get; }

        public Tensor OldIA { get; }

        public Tensor OldIB { get; }

        public Tensor EscapeA { get; }

        public Tensor EscapeB { get; }

        public IReadOnlyList<Tensor> FirstA { get; }

        public IReadOnlyList<Tensor> FirstB { get; }

        public IReadOnlyList<Tensor> OldA { get; }

        public IReadOnlyList<Tensor> OldB { get; }

        /// <summary>All of it by name.</summary>
        public IEnumerable<(string Name, Tensor Value)> Tensors
        {
            get
            {
                var rank = FormattableString.Invariant($"rank{Layers[0].Rank}.");
                foreach (var (name, value) in new[] { ("second_A", SecondA), ("second_B", SecondB), ("root_A", OldIA), ("root_B", OldIB), ("escape_A", EscapeA), ("escape_B", EscapeB) }) yield return (rank + name, value);
                for (var i = 0; i < Layers.Count; i++)
                {
                    var path = Layers[i].Site.Path;
                    foreach (var (name, value) in new[] { ("first_A", FirstA[i]), ("first_B", FirstB[i]), ("old_A", OldA[i]), ("old_B", OldB[i]) }) yield return ($"{name}.{path}", value);
                }
            }
        }
    }
}

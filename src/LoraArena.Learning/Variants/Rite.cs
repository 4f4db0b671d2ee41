using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// L layers of one rank, R rank, I features in, O features out.

/// <summary>The optimiser. Factors in row layout: A and all that belongs to it is [R, I], B is [O, R].</summary>
internal sealed class Rite : Optimizer
{
    private const double Smallest = 1e-12;
    private readonly Optimizer _rest;
    private readonly LoraRiteOptions _options;
    private readonly double _weightDecay;
    private readonly IReadOnlyList<RiteGroup> _groups;

    public Rite(Optimizer rest, IReadOnlyList<LoraLayer> layers, LoraRiteOptions options, double weightDecay)
    {
        (_rest, _options, _weightDecay) = (rest, options, weightDecay);
        _groups = [.. FactorStack.ByRank(layers).Select(layersOfRank => new RiteGroup(layersOfRank))];
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

    private GroupStep Unmagnify(RiteGroup group)
    {
        var (iA, iB) = (InverseRoot(FactorStack.GramsOfA(group.Layers)), InverseRoot(FactorStack.GramsOfB(group.Layers)));
        var uA = group.Layers.Select((layer, i) => Skip(mm(iB[i], layer.A.Value.grad!.to(ScalarType.Float64)))).ToList();
        var uB = group.Layers.Select((layer, i) => Skip(mm(layer.B.Value.grad!.to(ScalarType.Float64), iA[i]))).ToList();
        return new GroupStep(iA, iB, uA, uB);

        Tensor Skip(Tensor u) => _options.UpdateSkipping > 0
            ? u * (u.square().mean() <= _options.UpdateSkipping * _options.UpdateSkipping).to(ScalarType.Float64)
            : u;
    }

    private Tensor? Clip(IReadOnlyList<Tensor> unmagnified)
    {
        if (_options.ClipUnmagnifiedGrad <= 0) return null;
        var norm = stack(unmagnified.Select(u => u.square().sum())).sum().sqrt();
        return (_options.ClipUnmagnifiedGrad / (norm + 1e-6)).clamp_max(1);
    }

    private void Move(RiteGroup group, GroupStep step, Tensor? shrink, double beta1, double beta2, double learningRate)
    {
        var count = group.Layers.Count;
        List<(Tensor A, Tensor B)> factors =
            [.. group.Layers.Select(layer => (layer.A.Value.detach().to(ScalarType.Float64), layer.B.Value.detach().to(ScalarType.Float64)))];

        // From the last step's bases to this one's; zero before there is a last step, when the averages are zero too.
        var pA = bmm(bmm(step.IB, stack(factors.Select((f, i) => mm(f.B.t(), group.OldB[i].to(ScalarType.Float64))))), group.OldIB);
        var pB = bmm(bmm(step.IA, stack(factors.Select((f, i) => mm(f.A, group.OldA[i].to(ScalarType.Float64).t())))), group.OldIA);
        List<Tensor> uA = [.. step.UA.Select(u => shrink is null ? u : u * shrink)];
        List<Tensor> uB = [.. step.UB.Select(u => shrink is null ? u : u * shrink)];
        var kA = Precondition(pA, group.SecondA, group.EscapeA, FactorStack.Grams(uA), group.Layers.Select(layer => (double)layer.Site.InFeatures), beta2);
        var kB = Precondition(
            pB, group.SecondB, group.EscapeB, FactorStack.Grams([.. uB.Select(u => u.t())]),
            group.Layers.Select(layer => (double)layer.Site.OutFeatures), beta2);
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
}

using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// L layers of one rank, R rank, I features in, O features out.

/// <summary>
/// LoRA-Pro: LoRA whose gradients are changed so that the step they mean for the weight, s (B g_A + g_B A), is as close as it can be to the weight's
/// own gradient. Wang and Liang 2024, arXiv:2407.18242.
/// </summary>
public sealed class LoraPro : LoraFamily<LoraProOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-pro", "LoRA-Pro", "LoRA whose steps imitate those of full fine-tuning as closely as its rank allows.", "arXiv:2407.18242",
        PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Optimizer,
        Cost = "moments full keeps Adam's averages of whole weights, 8 bytes an entry, and takes two products of that size a step; moments factors costs little.",
        LearningRateFactor = 0.4,
    };

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraProOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLoraPro(this, options, [.. layers.Cast<LoraLayer>()]);
}

/// <summary>LoRA's options, and where Adam's averages are kept.</summary>
public sealed record LoraProOptions : LoraOptions
{
    /// <summary>LoRA-Pro's defaults: a scale of 2, no dropout.</summary>
    public LoraProOptions() => (R, LoraAlpha, LoraDropout) = (8, 16, 0);

    /// <summary>
    /// Adam's averages: full (the paper's: of the whole weight's step, 8 bytes for each entry of each adapted weight) or factors (of A and B, after
    /// one adjustment of their gradients; no memory over LoRA's).
    /// </summary>
    [AllowedValues("full", "factors")]
    public string Moments { get; init; } = "full";
}

/// <summary>LoRA-Pro on a model.</summary>
internal sealed class AttachedLoraPro(LoraPro variant, LoraProOptions options, IReadOnlyList<LoraLayer> layers) : AttachedLora(variant, options, layers)
{
    private readonly HashSet<Weight> _factors = [.. layers.SelectMany(layer => new[] { layer.A, layer.B })];

    public override OptimizerGroup GroupOf(Weight weight)
        => options.Moments == "full" && _factors.Contains(weight) ? OptimizerGroup.Plain with { HasOwnRule = true } : base.GroupOf(weight);

    public override Optimizer CreateOptimizer(FlatParameters parameters, double weightDecay)
    {
        var rest = base.CreateOptimizer(parameters, weightDecay);
        return options.Moments == "full" ? new LoraProAdamW(rest, LoraLayers, weightDecay) : rest;
    }

    public override void AfterBackward(long step)
    {
        if (options.Moments == "full") return;
        foreach (var group in FactorStack.ByRank(LoraLayers))
        {
            using var scope = NewDisposeScope();
            var adjusted = ClosestStep.Adjust(group, [.. group.Select(layer => (layer.A.Value.grad!, layer.B.Value.grad!))]);
            foreach (var (layer, (a, b)) in group.Zip(adjusted))
            {
                layer.A.Value.grad!.copy_(a);
                layer.B.Value.grad!.copy_(b);
            }
        }
    }
}

/// <summary>
/// AdamW as LoRA-Pro has it: the averages are of the step that the adjusted gradients mean for the weight, and what comes out is projected on the
/// factors and adjusted again. Weight decay shrinks the product B A.
/// </summary>
internal sealed class LoraProAdamW(Optimizer rest, IReadOnlyList<LoraLayer> layers, double weightDecay) : Optimizer
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Eps = 1e-8;
    private readonly IReadOnlyList<Tensor> _first = [.. layers.Select(layer => zeros_like(layer.Site.Weight.Value, ScalarType.Float32).DetachFromDisposeScope())];
    private readonly IReadOnlyList<Tensor> _second = [.. layers.Select(layer => zeros_like(layer.Site.Weight.Value, ScalarType.Float32).DetachFromDisposeScope())];
    private readonly Dictionary<LoraLayer, int> _index = layers.Select((layer, i) => (layer, i)).ToDictionary(p => p.layer, p => p.i);

    public override void Step(double learningRate)
    {
        using var noGrad = no_grad();
        rest.Step(learningRate);
        Steps++;
        foreach (var group in FactorStack.ByRank(layers)) Step(group, learningRate);
    }

    public override Dictionary<string, Tensor> State()
    {
        var state = rest.State();
        for (var i = 0; i < layers.Count; i++)
        {
            state.Add("pro_exp_avg." + layers[i].Site.Path, _first[i]);
            state.Add("pro_exp_avg_sq." + layers[i].Site.Path, _second[i]);
        }

        return state;
    }

    public override void Restore(Func<string, Tensor> read, long steps)
    {
        base.Restore(read, steps);
        rest.Restore(read, steps);
    }

    public override void Reset()
    {
        rest.Reset();
        foreach (var average in _first.Concat(_second)) average.zero_();
        Steps = 0;
    }

    public override void Dispose()
    {
        rest.Dispose();
        foreach (var average in _first.Concat(_second)) average.Dispose();
    }

    private void Step(IReadOnlyList<LoraLayer> group, double learningRate)
    {
        using var scope = NewDisposeScope();
        var (correction1, correction2) = (1 - Math.Pow(Beta1, Steps), 1 - Math.Pow(Beta2, Steps));
        var meant = ClosestStep.Adjust(group, [.. group.Select(layer => (layer.A.Value.grad!, layer.B.Value.grad!))]);
        var projected = new List<(Tensor, Tensor)>();
        for (var i = 0; i < group.Count; i++)
        {
            var (layer, (gA, gB)) = (group[i], meant[i]);
            var (a, b, first, second) = (layer.A.Value.detach(), layer.B.Value.detach(), _first[_index[layer]], _second[_index[layer]]);
            using var inner = NewDisposeScope();
            var step = (mm(b, gA) + mm(gB, a)).mul_(layer.Scale);
            first.mul_(Beta1).add_(step, alpha: 1 - Beta1);
            second.mul_(Beta2).addcmul_(step, step, 1 - Beta2);
            var direction = (first / correction1).div_(second.sqrt().div_(Math.Sqrt(correction2)).add_(Eps)).mul_(layer.Scale);
            projected.Add((mm(b.t(), direction).MoveToOuterDisposeScope(), mm(direction, a.t()).MoveToOuterDisposeScope()));
        }

        var steps = ClosestStep.Adjust(group, projected);
        var shrink = Math.Sqrt(Math.Max(0, 1 - (learningRate * weightDecay)));
        for (var i = 0; i < group.Count; i++)
        {
            group[i].A.Value.detach().mul_(shrink).add_(steps[i].A, alpha: -learningRate);
            group[i].B.Value.detach().mul_(shrink).add_(steps[i].B, alpha: -learningRate);
        }
    }
}

/// <summary>
/// Changes LoRA's gradients so that s (B g_A + g_B A) is the least-squares optimum: P_B g + (I − P_B) g P_A of the weight's gradient g. Of all
/// solutions it takes the one that is closest to the gradients given, which a Sylvester equation of r × r matrices finds.
/// </summary>
public static class ClosestStep
{
    // Relative to a Gram matrix's mean eigenvalue, and absolute for a B that is still zero.
    private const double Damping = 1e-10;
    private const double Least = 1e-20;

    /// <summary>The changed gradients, fp32, of layers of one rank; they belong to the caller's dispose scope.</summary>
    public static IReadOnlyList<(Tensor A, Tensor B)> Adjust(IReadOnlyList<LoraLayer> layers, IReadOnlyList<(Tensor A, Tensor B)> gradients)
    {
        var count = layers.Count;
        var grams = cat([FactorStack.GramsOfB(layers), FactorStack.GramsOfA(layers)]);
        var mean = grams.diagonal(dim1: 1, dim2: 2).mean([1], keepdim: true);
        var (values, vectors) = linalg.eigh(grams);
        values = values.clamp_min(0) + (mean * Damping) + Least;
        var inverses = FactorStack.OfEigenvalues(values.reciprocal(), vectors);
        var (inverseB, inverseA) = (inverses.narrow(0, 0, count), inverses.narrow(0, count, count));

        var t1 = new List<Tensor>();
        var t2 = new List<Tensor>();
        var right = new List<Tensor>();
        for (var i = 0; i < count; i++)
        {
            var (a, b) = (layers[i].A.Value.detach().to(ScalarType.Float64), layers[i].B.Value.detach().to(ScalarType.Float64));
            var squared = layers[i].Scale * layers[i].Scale;
            var fromA = mm(inverseB[i], gradients[i].A.to(ScalarType.Float64));
            var y = mm(gradients[i].B.to(ScalarType.Float64), inverseA[i]);
            t1.Add(fromA / squared);
            t2.Add((y - mm(b, mm(inverseB[i], mm(b.t(), y)))) / squared);
            right.Add(mm(fromA, a.t()) / -squared);
        }

        // (BᵀB) X + X (AAᵀ) = right, in the bases where both matrices are diagonal.
        var (ofB, ofA) = (vectors.narrow(0, 0, count), vectors.narrow(0, count, count));
        var sums = values.narrow(0, 0, count).unsqueeze(2) + values.narrow(0, count, count).unsqueeze(1);
        var x = bmm(bmm(ofB, bmm(bmm(ofB.transpose(1, 2), stack(right)), ofA) / sums), ofA.transpose(1, 2));
        return [.. Enumerable.Range(0, count).Select(i => (
            (t1[i] + mm(x[i], layers[i].A.Value.detach().to(ScalarType.Float64))).to(ScalarType.Float32),
            (t2[i] - mm(layers[i].B.Value.detach().to(ScalarType.Float64), x[i])).to(ScalarType.Float32)))];
    }
}

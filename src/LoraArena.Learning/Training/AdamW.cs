using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) over a flat buffer, step for step PyTorch's <c>torch.optim.AdamW</c>.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="weightDecay">Decoupled weight decay, times the learning rate.</param>
public sealed class AdamW(FlatParameters parameters, double weightDecay) : Optimizer
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Eps = 1e-8;
    private const string FirstPrefix = "exp_avg.";
    private const string SecondPrefix = "exp_avg_sq.";

    private readonly Tensor _first = zeros_like(parameters.Values).DetachFromDisposeScope();
    private readonly Tensor _second = zeros_like(parameters.Values).DetachFromDisposeScope();

    /// <inheritdoc/>
    public override void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Steps++;
        var gradient = parameters.Gradient;
        _first.mul_(Beta1).add_(gradient, alpha: 1 - Beta1);
        _second.mul_(Beta2).addcmul_(gradient, gradient, 1 - Beta2);
        var correction1 = 1 - Math.Pow(Beta1, Steps);
        var correction2 = 1 - Math.Pow(Beta2, Steps);
        var denominator = _second.sqrt().div_(Math.Sqrt(correction2)).add_(Eps);
        foreach (var (group, offset, count) in parameters.Groups)
        {
            if (group.HasOwnRule) continue;
            var rate = learningRate * group.LearningRateFactor;
            var values = parameters.Values.narrow(0, offset, count);
            if (weightDecay != 0 && group.Decays) values.mul_(1 - (rate * weightDecay));
            values.addcdiv_(_first.narrow(0, offset, count), denominator.narrow(0, offset, count), -rate / correction1);
        }
    }

    /// <summary>Its state by the names PyTorch gives it, for a checkpoint.</summary>
    public override Dictionary<string, Tensor> State()
    {
        var state = parameters.Split(_first).ToDictionary(p => FirstPrefix + p.Key, p => p.Value, StringComparer.Ordinal);
        foreach (var (name, value) in parameters.Split(_second)) state.Add(SecondPrefix + name, value);
        return state;
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        _first.zero_();
        _second.zero_();
        Steps = 0;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}

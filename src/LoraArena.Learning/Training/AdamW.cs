using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) over a flat buffer, step for step PyTorch's <c>torch.optim.AdamW</c>.
/// </summary>
/// <param name="parameters">What it moves.</param>
/// <param name="weightDecay">Decoupled weight decay, times the learning rate.</param>
public sealed class AdamW(FlatParameters parameters, double weightDecay) : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Eps = 1e-8;
    private const string FirstPrefix = "exp_avg.";
    private const string SecondPrefix = "exp_avg_sq.";

    private readonly Tensor _first = zeros_like(parameters.Values).DetachFromDisposeScope();
    private readonly Tensor _second = zeros_like(parameters.Values).DetachFromDisposeScope();

    /// <summary>Steps done.</summary>
    public long Steps { get; private set; }

    /// <summary>Moves the parameters by one step.</summary>
    /// <param name="learningRate">The learning rate of this step.</param>
    public void Step(double learningRate)
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
        if (weightDecay != 0) parameters.Values.mul_(1 - (learningRate * weightDecay));
        parameters.Values.addcdiv_(_first, denominator, -learningRate / correction1);
    }

    /// <summary>Its state by the names PyTorch gives it, for a checkpoint.</summary>
    public Dictionary<string, Tensor> State()
    {
        var state = parameters.Split(_first).ToDictionary(p => FirstPrefix + p.Key, p => p.Value, StringComparer.Ordinal);
        foreach (var (name, value) in parameters.Split(_second)) state.Add(SecondPrefix + name, value);
        return state;
    }

    /// <summary>Takes a state back from a checkpoint.</summary>
    /// <param name="read">Gives a tensor of the checkpoint by its name.</param>
    /// <param name="steps">Steps done up to it.</param>
    public void Restore(Func<string, Tensor> read, long steps)
    {
        using var scope = NewDisposeScope();
        foreach (var (name, view) in State()) view.copy_(read(name));
        Steps = steps;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}

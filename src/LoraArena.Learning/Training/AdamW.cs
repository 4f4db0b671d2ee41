using LoraArena.Learning.Devices;
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
        var step = TorchOps.HasAdamW(parameters.Values.device) ? full(1, Steps, ScalarType.Float32, parameters.Values.device) : null;
        foreach (var (group, offset, count) in parameters.Groups)
        {
            if (group.HasOwnRule || count == 0) continue;
            var (rate, decay) = (learningRate * group.LearningRateFactor, group.Decays ? weightDecay : 0);
            Tensor Part(Tensor buffer) => buffer.narrow(0, offset, count);
            var (values, gradient, first, second) = (Part(parameters.Values), Part(parameters.Gradient), Part(_first), Part(_second));
            if (step is null) TorchOps.AdamWComposed(values, gradient, first, second, Steps, rate, decay);
            else TorchOps.AdamW(values, gradient, first, second, step, rate, decay);
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

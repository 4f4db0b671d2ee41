using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>
/// All trainable weights in one flat fp32 buffer, and their gradients in another: a weight is a view into the first and its gradient one
/// into the second, so an optimiser step or a norm is a handful of kernels however many weights there are.
/// </summary>
public sealed class FlatParameters : IDisposable
{
    private readonly IReadOnlyList<(string Name, Weight Weight, long Offset)> _parts;

    /// <summary>Moves weights into the buffer and makes them trainable.</summary>
    /// <param name="weights">Weights by the names that checkpoints use.</param>
    /// <param name="device">Where they live.</param>
    /// <param name="groupOf">How the optimiser treats a weight; all alike where it is not given.</param>
    public FlatParameters(IEnumerable<KeyValuePair<string, Weight>> weights, Device device, Func<Weight, OptimizerGroup>? groupOf = null)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var parts = new List<(string, Weight, long)>();
        var groups = new List<(OptimizerGroup, long, long)>();
        long count = 0;
        foreach (var group in weights.GroupBy(w => groupOf?.Invoke(w.Value) ?? OptimizerGroup.Plain))
        {
            var start = count;
            foreach (var (name, weight) in group)
            {
                parts.Add((name, weight, count));
                count += weight.Count;
            }

            groups.Add((group.Key, start, count - start));
        }

        (_parts, Groups) = (parts, groups);
        Count = count;
        Values = zeros(count, ScalarType.Float32, device).DetachFromDisposeScope();
        Gradient = zeros(count, ScalarType.Float32, device).DetachFromDisposeScope();
        foreach (var (_, weight, offset) in _parts)
        {
            var shape = weight.Shape;
            var view = Values.narrow(0, offset, weight.Count).view(shape);
            view.copy_(weight.Value);
            var leaf = view.detach().requires_grad_();
            leaf.grad = Gradient.narrow(0, offset, leaf.numel()).view(shape);
            weight.Replace(leaf);
        }
    }

    /// <summary>Numbers in the buffer.</summary>
    public long Count { get; }

    /// <summary>The parts of the buffer that an optimiser treats alike: where each starts, and how many numbers it has.</summary>
    public IReadOnlyList<(OptimizerGroup Group, long Offset, long Count)> Groups { get; }

    /// <summary>The values, [N].</summary>
    public Tensor Values { get; }

    /// <summary>The gradient, [N]; backward passes add to it.</summary>
    public Tensor Gradient { get; }

    /// <summary>Views of another buffer of the same layout, by the weights' names: an optimiser's state for a checkpoint.</summary>
    public Dictionary<string, Tensor> Split(Tensor buffer)
        => _parts.ToDictionary(p => p.Name, p => buffer.narrow(0, p.Offset, p.Weight.Count).view(p.Weight.Shape), StringComparer.Ordinal);

    /// <summary>Sets the gradient to zero.</summary>
    public void ZeroGradient() => Gradient.zero_();

    /// <summary>
    /// Scales the gradient so that its norm is at most <paramref name="maxNorm"/>, as <c>torch.nn.utils.clip_grad_norm_</c> does, without
    /// waiting for the device.
    /// </summary>
    /// <returns>The norm before, a tensor of one number.</returns>
    public Tensor ClipGradient(double maxNorm)
    {
        using var scope = NewDisposeScope();
        var norm = Gradient.norm();
        if (maxNorm > 0) Gradient.mul_(norm.add(1e-6).reciprocal_().mul_(maxNorm).clamp_(max: 1.0));
        return norm.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Values.Dispose();
        Gradient.Dispose();
    }
}

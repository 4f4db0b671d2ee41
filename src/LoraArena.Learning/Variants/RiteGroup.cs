using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// L layers of one rank, R rank, I features in, O features out.

/// <summary>Layers of one rank with what the optimiser keeps of them.</summary>
internal sealed class RiteGroup
{
    public RiteGroup(IReadOnlyList<LoraLayer> layers)
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
            foreach (var (name, value) in new[] { ("second_A", SecondA), ("second_B", SecondB), ("root_A", OldIA), ("root_B", OldIB), ("escape_A", EscapeA), ("escape_B", EscapeB) })
            {
                yield return (rank + name, value);
            }

            for (var i = 0; i < Layers.Count; i++)
            {
                var path = Layers[i].Site.Path;
                foreach (var (name, value) in new[] { ("first_A", FirstA[i]), ("first_B", FirstB[i]), ("old_A", OldA[i]), ("old_B", OldB[i]) })
                {
                    yield return ($"{name}.{path}", value);
                }
            }
        }
    }
}

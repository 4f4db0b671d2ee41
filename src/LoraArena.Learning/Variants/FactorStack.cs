using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// L layers of one rank, R rank, I features in, O features out.

/// <summary>
/// The r × r matrices of many LoRA layers, stacked, so that a decomposition of all of them is one call: on a GPU each call costs more than its
/// arithmetic. They are fp64, as a Gram matrix has the square of its factor's condition.
/// </summary>
internal static class FactorStack
{
    /// <summary>Layers by rank.</summary>
    public static IReadOnlyList<IReadOnlyList<LoraLayer>> ByRank(IEnumerable<LoraLayer> layers)
        => [.. layers.GroupBy(layer => layer.Rank).Select(group => group.ToList())];

    /// <summary>A Aᵀ of each layer, fp64 [L, R, R].</summary>
    public static Tensor GramsOfA(IReadOnlyList<LoraLayer> layers) => Grams([.. layers.Select(layer => layer.A.Value.detach())]);

    /// <summary>Bᵀ B of each layer, fp64 [L, R, R].</summary>
    public static Tensor GramsOfB(IReadOnlyList<LoraLayer> layers) => Grams([.. layers.Select(layer => layer.B.Value.detach().t())]);

    /// <summary>M Mᵀ of each matrix.</summary>
    public static Tensor Grams(IReadOnlyList<Tensor> wide)
    {
        using var scope = NewDisposeScope();
        return stack(wide.Select(m =>
        {
            var m64 = m.to(ScalarType.Float64);
            return mm(m64, m64.t());
        })).MoveToOuterDisposeScope();
    }

    /// <summary>V f(λ) Vᵀ of symmetric matrices with eigenvalues λ [L, R] and vectors V [L, R, R].</summary>
    public static Tensor OfEigenvalues(Tensor valuesLR, Tensor vectorsLRR) => bmm(vectorsLRR * valuesLR.unsqueeze(1), vectorsLRR.transpose(1, 2));
}

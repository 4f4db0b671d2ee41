using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>The leading singular triplets of a matrix.</summary>
public static class LowRank
{
    private const int PowerIterations = 4;

    /// <summary>
    /// U [O, Q], S [Q] and Vᵀ [Q, I] of the largest singular values of M [O, I]: exact where they are a good part of all, else by a random
    /// range of twice the width and four power iterations (Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithm 4.4).
    /// </summary>
    /// <param name="m">The matrix, fp32 or fp64.</param>
    /// <param name="count">Triplets that are wanted.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="index">Number of the matrix: with the seed it names its random stream.</param>
    public static (Tensor U, Tensor S, Tensor Vh) Svd(Tensor m, long count, long seed, int index)
    {
        using var scope = NewDisposeScope();
        var width = 2 * count;
        var (u, s, vh) = width * 2 >= Math.Min(m.shape[0], m.shape[1]) ? linalg.svd(m, fullMatrices: false) : Random(m, width, PowerIterations, seed, index);
        return (
            u.narrow(1, 0, count).MoveToOuterDisposeScope(), s.narrow(0, 0, count).MoveToOuterDisposeScope(),
            vh.narrow(0, 0, count).MoveToOuterDisposeScope());
    }

    /// <summary>The same by a random range in any case, with as many power iterations as are asked for.</summary>
    /// <param name="m">The matrix, fp32 or fp64.</param>
    /// <param name="count">Triplets that are wanted.</param>
    /// <param name="iterations">Power iterations.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="index">Number of the matrix: with the seed it names its random stream.</param>
    public static (Tensor U, Tensor S, Tensor Vh) RandomSvd(Tensor m, long count, int iterations, long seed, int index)
    {
        using var scope = NewDisposeScope();
        var (u, s, vh) = Random(m, Math.Min(2 * count, Math.Min(m.shape[0], m.shape[1])), iterations, seed, index);
        return (
            u.narrow(1, 0, count).MoveToOuterDisposeScope(), s.narrow(0, 0, count).MoveToOuterDisposeScope(),
            vh.narrow(0, 0, count).MoveToOuterDisposeScope());
    }

    private static (Tensor U, Tensor S, Tensor Vh) Random(Tensor m, long width, int iterations, long seed, int index)
    {
        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, index, 1);
        var range = Orthonormal(mm(m, randn([m.shape[1], width], m.dtype, CPU).to(m.device)));
        for (var i = 0; i < iterations; i++) range = Orthonormal(mm(m, Orthonormal(mm(m.t(), range))));
        var (u, s, vh) = linalg.svd(mm(range.t(), m), fullMatrices: false);
        return (mm(range, u), s, vh);
    }

    private static Tensor Orthonormal(Tensor m) => linalg.qr(m).Q;
}

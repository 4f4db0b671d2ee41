using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>LoRA's product of several layers at once, with its own backward pass, against autograd over plain operations in fp64.</summary>
public sealed class LowRankProductTests
{
    public static TheoryData<int, double> Cases => new() { { 5, 0 }, { 300, 0 }, { 5, 0.3 }, { 300, 0.3 } };

    [Theory]
    [MemberData(nameof(Cases))]
    public void OutputsAndGradients_AreThoseOfPlainOperations(int rows, double dropout)
    {
        using var scope = NewDisposeScope();
        var (inputs, gradients) = Inputs(rows);
        var own = Run(inputs, gradients, (x, sites) => LowRankProduct.Of(x, sites, dropout, seed: 11));
        var plain = Run(inputs, gradients, (x, sites) => Plain(x, sites, dropout));
        Assert.Equal(plain.Count, own.Count);
        for (var i = 0; i < plain.Count; i++) Assert.InRange(Torch.RelativeError(own[i], plain[i]), 0, 1e-6);
        var other = Run(inputs, gradients, (x, sites) => Plain(x, [.. sites.Select(site => site with { Scale = site.Scale * 1.01 })], dropout));
        Assert.Contains(Enumerable.Range(0, plain.Count), i => Torch.RelativeError(own[i], other[i]) > 1e-4);
    }

    private static IReadOnlyList<Tensor> Plain(Tensor x, IReadOnlyList<LowRankSite> sites, double dropout)
    {
        var dropped = dropout == 0 ? x : x * DropoutMask.Like(x.reshape(-1, x.shape[^1]), dropout, 11).view(x.shape) / (1 - dropout);
        return [.. sites.Select(site =>
            nn.functional.linear(x, site.Matrix.Dense(x.dtype), site.Bias) + (nn.functional.linear(
                nn.functional.linear(dropped, site.A), site.B) * site.Scale))];
    }

    private static (List<Tensor> Inputs, List<Tensor> Gradients) Inputs(int rows)
    {
        manual_seed(4);
        Tensor New(params long[] shape) => randn(shape, ScalarType.Float64);
        return (
            [New(2, rows, 12), New(12, 12), New(12), New(3, 12), New(12, 3), New(20, 12), New(20), New(4, 12), New(20, 4)],
            [New(2, rows, 12), New(2, rows, 20)]);
    }

    private static List<Tensor> Run(List<Tensor> inputs, List<Tensor> gradients, Func<Tensor, IReadOnlyList<LowRankSite>, IReadOnlyList<Tensor>> product)
    {
        Tensor Leaf(int i) => inputs[i].detach().clone().requires_grad_();
        var x = Leaf(0);
        LowRankSite Site(int first, double scale) =>
            new(new DenseMatrix(new Weight("w", inputs[first].clone())), inputs[first + 1], Leaf(first + 2), Leaf(first + 3), scale);
        IReadOnlyList<LowRankSite> sites = [Site(1, 2), Site(5, 0.5)];
        var outputs = product(x, sites);
        autograd.backward([.. outputs], [.. gradients]);
        BackwardCall.Check();
        return [.. outputs.Select(y => y.detach()), x.grad!, .. sites.SelectMany(site => new[] { site.A.grad!, site.B.grad! })];
    }
}

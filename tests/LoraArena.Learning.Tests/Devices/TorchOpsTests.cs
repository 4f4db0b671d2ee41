using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>Each operator against its composed form, in values and gradients.</summary>
public sealed class TorchOpsTests
{
    private const double Tolerance = 1e-5;

    [Fact]
    public void RmsNorm_IsItsComposedForm()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var (x, w) = (randn(3, 5, 24), randn(24));
        AssertSame([x, w], inputs => TorchOps.RmsNormFused(inputs[0], inputs[1], 1e-5), inputs => TorchOps.RmsNormComposed(inputs[0], inputs[1], 1e-5));
        Assert.True(Torch.RelativeError(TorchOps.RmsNormFused(x, w, 1e-5), TorchOps.RmsNormComposed(x, w, 0.5)) > Tolerance);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Attention_WithSharedHeadsAndAnyScale_IsItsComposedForm(bool causal, bool masked)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor[] inputs = [randn(2, 6, 7, 8), randn(2, 2, 7, 8), randn(2, 2, 7, 8)];
        var mask = masked ? randn(2, 1, 1, 7) : null;
        AssertSame(
            inputs, t => TorchOps.AttentionFused(t[0], t[1], t[2], mask, causal, 0, 0.21),
            t => TorchOps.AttentionComposed(t[0], t[1], t[2], mask, causal, 0, 0.21));
        Assert.True(Torch.RelativeError(
            TorchOps.AttentionFused(inputs[0], inputs[1], inputs[2], mask, causal, 0, 0.21),
            TorchOps.AttentionComposed(inputs[0], inputs[1], inputs[2], mask, causal, 0, 0.5)) > Tolerance);
    }

    [Theory]
    [InlineData(false, null)]
    [InlineData(true, null)]
    [InlineData(true, 1)]
    [InlineData(true, 3)]
    [InlineData(true, 50)]
    public void RaggedAttention_IsThatOfEachSequenceAlone(bool causal, int? window)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        int[] lengths = [7, 1, 4];
        Tensor[] inputs = [randn(12, 6, 8), randn(12, 2, 8), randn(12, 2, 8)];
        AssertSame(inputs, t => TorchOps.RaggedAttentionComposed(t[0], t[1], t[2], lengths, causal, window, 0.21), Padded);

        // The negative control: the same tokens, of other sequences.
        Assert.True(Torch.RelativeError(
            TorchOps.RaggedAttentionComposed(inputs[0], inputs[1], inputs[2], [4, 1, 7], causal, window, 0.21), Padded(inputs)) > (window == 1 ? -1 : Tolerance));

        // A mask over all tokens at once: within a sequence, not ahead, not too far back.
        Tensor Padded(Tensor[] t)
        {
            var (sequence, place) = (tensor(lengths.SelectMany((n, b) => Enumerable.Repeat(b, n)).ToArray()), arange(12));
            var seen = sequence.unsqueeze(1) == sequence.unsqueeze(0);
            if (causal) seen = seen.logical_and(place.unsqueeze(0) <= place.unsqueeze(1));
            if (window is { } w) seen = seen.logical_and(place.unsqueeze(0) > place.unsqueeze(1) - w);
            var mask = zeros(12, 12).masked_fill(seen.logical_not(), double.NegativeInfinity);
            var (q, k, v) = (t[0].transpose(0, 1), t[1].transpose(0, 1).repeat_interleave(3, 0), t[2].transpose(0, 1).repeat_interleave(3, 0));
            return bmm(nn.functional.softmax((bmm(q, k.transpose(1, 2)) * 0.21) + mask, -1), v).transpose(0, 1);
        }
    }

    [Fact]
    public void TheKernelOfRaggedAttention_CompilesEverywhere_AndIsNotTakenWhereThereIsNone()
    {
        using var scope = NewDisposeScope();
        Assert.False(TorchOps.HasRaggedAttention(CPU, ScalarType.BFloat16));
        var q = randn(8, 2, 16);
        var starts = tensor(new[] { 0, 5, 8 });
        Assert.ThrowsAny<Exception>(() => TorchOps.RaggedAttentionFused(q, q, q, starts, [5, 3], true, null, 0.25));
        Assert.Equal([8, 2, 16], TorchOps.RaggedAttention(q, q, q, starts, [5, 3], true, null, 0.25).shape);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void AdamW_IsItsComposedForm(double decay)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var start = randn(50);
        Tensor[] fused = [start.clone(), zeros(50), zeros(50)];
        Tensor[] composed = [start.clone(), zeros(50), zeros(50)];
        for (var step = 1; step <= 5; step++)
        {
            var gradient = randn(50);
            TorchOps.AdamW(fused[0], gradient, fused[1], fused[2], full(1, step, ScalarType.Float32), 0.01, decay);
            TorchOps.AdamWComposed(composed[0], gradient, composed[1], composed[2], step, 0.01, decay);
        }

        for (var i = 0; i < 3; i++) Assert.InRange(Torch.RelativeError(fused[i], composed[i]), 0, 1e-5);
        Assert.True(Torch.RelativeError(fused[0], start) > 1e-3);
    }

    private static void AssertSame(Tensor[] inputs, Func<Tensor[], Tensor> first, Func<Tensor[], Tensor> second)
    {
        var results = new[] { first, second }.Select(form =>
        {
            var leaves = inputs.Select(t => t.detach().clone().requires_grad_()).ToArray();
            var y = form(leaves);
            y.square().sum().backward();
            return (IReadOnlyList<Tensor>)[y.detach(), .. leaves.Select(leaf => leaf.grad!)];
        }).ToList();

        foreach (var (result, expected) in results[0].Zip(results[1]))
        {
            // A token that sees itself alone has no gradient but rounding, which is relative to the numbers that go in.
            var isZero = expected.abs().max().ToDouble() < Tolerance;
            Assert.InRange(isZero ? result.abs().max().ToDouble() : Torch.RelativeError(result, expected), 0, Tolerance);
        }
    }
}

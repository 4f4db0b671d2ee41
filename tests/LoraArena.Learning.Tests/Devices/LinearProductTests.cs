using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>The linear layer with gradients, against autograd's in fp64.</summary>
public sealed class LinearProductTests
{
    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    [InlineData(false, true, false)]
    [InlineData(true, false, true)]
    [InlineData(false, false, true)]
    [InlineData(false, false, false)]
    public void ValuesAndGradients_AreThoseOfFp64(bool ofInput, bool ofMatrix, bool ofBias)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor[] ours = [randn(3, 17, 24).requires_grad_(ofInput), randn(37, 24).requires_grad_(ofMatrix), randn(37).requires_grad_(ofBias)];
        Tensor[] theirs = [.. ours.Select(t => t.detach().to(ScalarType.Float64).requires_grad_(t.requires_grad))];
        var gradient = randn(3, 17, 37);
        foreach (var withBias in new[] { true, false })
        {
            var y = LinearProduct.Of(ours[0], ours[1], withBias ? ours[2] : null);
            var expected = nn.functional.linear(theirs[0], theirs[1], withBias ? theirs[2] : null);
            Assert.InRange(Torch.RelativeError(y, expected), 0, 1e-6);
            Assert.Equal(expected.requires_grad, y.requires_grad);
            if (!expected.requires_grad) continue;
            y.backward([gradient]);
            expected.backward([gradient.to(ScalarType.Float64)]);
            BackwardCall.Check();
            for (var i = 0; i < ours.Length; i++)
            {
                Assert.Equal(theirs[i].grad is null, ours[i].grad is null);
                if (theirs[i].grad is { } wide) Assert.InRange(Torch.RelativeError(ours[i].grad!, wide), 0, 1e-6);
                ours[i].grad?.zero_();
                theirs[i].grad?.zero_();
            }
        }
    }
}

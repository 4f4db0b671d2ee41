using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>Twenty steps of torch.optim.AdamW and clip_grad_norm_ of PyTorch 2.13.0: see Fixtures/make_training.py.</summary>
public sealed class AdamWTests
{
    private const int Steps = 20;
    private const double Decay = 0.1;
    private const double Tolerance = 2e-6;

    [Fact]
    public void EveryStep_IsThatOfPyTorch()
    {
        using var scope = NewDisposeScope();
        using var expected = Expected();
        using var parameters = Parameters(expected, out var weights);
        using var optimizer = new AdamW(parameters, Decay);
        for (var step = 0; step < Steps; step++)
        {
            var norm = Step(expected, parameters, optimizer, weights, step);
            Assert.InRange(Torch.RelativeError(norm, expected.Read("norm")[step]), 0, Tolerance);
            for (var i = 0; i < weights.Length; i++) Assert.InRange(Torch.RelativeError(weights[i].Value, expected.Read($"value.{step}.{i}")), 0, Tolerance);
        }

        var state = optimizer.State();
        Assert.Equal(["exp_avg.first", "exp_avg.second", "exp_avg_sq.first", "exp_avg_sq.second"], state.Keys.Order(StringComparer.Ordinal));
        foreach (var kind in new[] { "exp_avg", "exp_avg_sq" })
        {
            Assert.InRange(Torch.RelativeError(state[kind + ".first"], expected.Read(kind + ".0")), 0, Tolerance);
            Assert.InRange(Torch.RelativeError(state[kind + ".second"], expected.Read(kind + ".1")), 0, Tolerance);
        }
    }

    [Theory]
    [InlineData(0.0, 1.0)]
    [InlineData(0.1, 0.0)]
    [InlineData(0.1, 1.02)]
    public void AnotherDecayOrClipping_IsToldApart(double decay, double maxNorm)
    {
        // The negative control of the test above.
        using var scope = NewDisposeScope();
        using var expected = Expected();
        using var parameters = Parameters(expected, out var weights);
        using var optimizer = new AdamW(parameters, decay);
        for (var step = 0; step < Steps; step++) Step(expected, parameters, optimizer, weights, step, maxNorm);
        Assert.True(Torch.RelativeError(weights[0].Value, expected.Read($"value.{Steps - 1}.0")) > 20 * Tolerance);
    }

    [Fact]
    public void AStateThatIsTakenBack_GoesOnAsIfNothingHadHappened()
    {
        using var scope = NewDisposeScope();
        using var expected = Expected();
        using var parameters = Parameters(expected, out var weights);
        using var optimizer = new AdamW(parameters, Decay);
        for (var step = 0; step < 7; step++) Step(expected, parameters, optimizer, weights, step);
        using var again = Parameters(expected, out var weightsAgain);
        using var optimizerAgain = new AdamW(again, Decay);
        again.Values.copy_(parameters.Values);
        var state = optimizer.State().ToDictionary(s => s.Key, s => s.Value.clone());
        optimizerAgain.Restore(name => state[name], steps: 7);
        for (var step = 7; step < Steps; step++)
        {
            Step(expected, parameters, optimizer, weights, step);
            Step(expected, again, optimizerAgain, weightsAgain, step);
        }

        Assert.True(parameters.Values.Equals(again.Values));
        Assert.Equal(Steps, optimizerAgain.Steps);
    }

    [Fact]
    public void WeightsAndGradients_AreViewsOfTheBuffers()
    {
        using var scope = NewDisposeScope();
        using var expected = Expected();
        using var parameters = Parameters(expected, out var weights);
        Assert.Equal(22, parameters.Count);
        (weights[0].Value.sum() + (2 * weights[1].Value.sum())).backward();
        Assert.Equal([.. Enumerable.Repeat(1f, 15), .. Enumerable.Repeat(2f, 7)], parameters.Gradient.data<float>().ToArray());
        (weights[0].Value.sum() + (2 * weights[1].Value.sum())).backward();
        Assert.Equal(58, parameters.Gradient.sum().ToSingle());
        parameters.ZeroGradient();
        Assert.Equal(0, weights[1].Value.grad!.abs().max().ToSingle());
        parameters.Values.fill_(3);
        Assert.Equal(3, weights[1].Value.detach().max().ToSingle());
    }

    private static SafetensorsFile Expected() => SafetensorsFile.Open(Torch.Fixture("optimizer", "adamw.safetensors"));

    private static FlatParameters Parameters(SafetensorsFile expected, out Weight[] weights)
    {
        weights = [new Weight("first", expected.Read("start.0")), new Weight("second", expected.Read("start.1"))];
        return new FlatParameters(weights.Select(w => KeyValuePair.Create(w.Name, w)), CPU);
    }

    private static Tensor Step(SafetensorsFile expected, FlatParameters parameters, AdamW optimizer, Weight[] weights, int step, double maxNorm = 1)
    {
        for (var i = 0; i < weights.Length; i++) weights[i].Value.grad!.copy_(expected.Read($"gradient.{step}.{i}"));
        var norm = parameters.ClipGradient(maxNorm);
        optimizer.Step(expected.Read("rate")[step].ToDouble());
        return norm;
    }
}

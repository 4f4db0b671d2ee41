using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>Rows of token ids, as Transformers was given them.</summary>
public sealed record FixtureBatch(IReadOnlyList<IReadOnlyList<int>> Rows)
{
    public TokenBatch OnCpu() => TokenBatch.Create(Rows, padId: 0, CPU);
}

/// <summary>Values made by Transformers 5.24.0 and PEFT 0.21.2: see Fixtures/make_models.py.</summary>
public sealed class TransformersParityTests
{
    private const double Tolerance = 1e-5;

    public static TheoryData<string> Models => ["bert-tiny", "llama-tiny", "llama-tiny-wide-heads"];

    [Theory]
    [MemberData(nameof(Models))]
    public void HiddenStatesAndLogits_AreThoseOfTransformers(string name)
    {
        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        using var expected = SafetensorsFile.Open(Torch.Fixture(name, "expected.safetensors"));
        using var noGrad = no_grad();
        for (var i = 0; i < 3; i++)
        {
            using var scope = NewDisposeScope();
            using var batch = Torch.Batch(expected, i).OnCpu();
            var hidden = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
            if (batch.AttentionMaskBT is { } keep) hidden = hidden * keep.unsqueeze(-1);
            Assert.InRange(Torch.RelativeError(hidden, expected.Read($"{i}.hidden")), 0, Tolerance);
            Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read($"{i}.logits")), 0, Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void LossAndEveryGradient_AreThoseOfTransformers(string name)
    {
        using var scope = NewDisposeScope();
        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        using var expected = SafetensorsFile.Open(Torch.Fixture(name, "expected.safetensors"));
        var weights = model.BaseWeights.Concat(model.HeadWeights).ToList();
        foreach (var weight in weights) weight.Value.requires_grad_();
        using var batch = Torch.Batch(expected, 1).OnCpu();
        var loss = nn.functional.cross_entropy(model.Logits(batch, ForwardMode.Inference), tensor(new long[] { 0, 1, 2, 0 }));
        loss.backward();

        Assert.InRange(Torch.RelativeError(loss, expected.Read("loss")), 0, Tolerance);
        Assert.Equal(expected.Entries.Count(e => e.Name.StartsWith("grad.", StringComparison.Ordinal)), weights.Count);
        foreach (var weight in weights)
        {
            var wanted = expected.Read("grad." + weight.Name);
            if (wanted.abs().max().ToSingle() == 0) continue;

            // The gradient of a key's bias is zero but for rounding: a constant added to all scores of a row changes nothing.
            if (weight.Name.EndsWith("key.bias", StringComparison.Ordinal)) Assert.InRange(weight.Value.grad!.abs().max().ToDouble(), 0, 1e-6);
            else Assert.InRange(Torch.RelativeError(weight.Value.grad!, wanted), 0, Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void AdapterWrittenByPeft_GivesPeftsLogits(string name)
    {
        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        PeftFolder.Load(Torch.Fixture(name, "adapter"), model);
        using var expected = SafetensorsFile.Open(Torch.Fixture(name, "adapter", "expected.safetensors"));
        using var noGrad = no_grad();
        for (var i = 0; i < 3; i++)
        {
            using var scope = NewDisposeScope();
            using var batch = Torch.Batch(expected, i).OnCpu();
            Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read($"{i}.logits")), 0, Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void AdapterWrittenByPeft_ChangesTheLogits(string name)
    {
        // The negative control of the test above: without the adapter the same batch gives something else.
        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        using var expected = SafetensorsFile.Open(Torch.Fixture(name, "adapter", "expected.safetensors"));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var batch = Torch.Batch(expected, 1).OnCpu();
        Assert.True(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read("1.logits")) > 0.01);
    }
}

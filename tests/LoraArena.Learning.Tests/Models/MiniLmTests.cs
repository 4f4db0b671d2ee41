using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>A real model on real texts, against values of Transformers 5.24.0: see Fixtures/make_minilm.py.</summary>
public sealed class MiniLmTests
{
    private const double Tolerance = 1e-5;

    [Fact]
    public void HiddenStatesPooledAndLogitsOfTwentyBattles_AreThoseOfTransformers()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = PreferenceModel.Load(Places.Shared("models", "minilm-l6"), CPU, seed: 0);
        using var expected = SafetensorsFile.Open(Torch.Fixture("minilm", "expected.safetensors"));
        model.HeadWeights[0].Value.copy_(expected.Read("classifier.weight"));
        model.HeadWeights[1].Value.copy_(expected.Read("classifier.bias"));
        var rows = Rows(expected);
        var (hidden, pooled, logits) = (new List<Tensor>(), new List<Tensor>(), new List<Tensor>());

        // In other batches than Transformers was given, so that the padding is another too.
        foreach (var part in rows.Chunk(5))
        {
            using var inner = NewDisposeScope();
            using var batch = TokenBatch.Create(part, padId: 0, CPU);
            var states = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
            hidden.AddRange(part.Select((row, b) => stack(new[] { 0, row.Count / 2, row.Count - 1 }.Select(t => states[b, t])).MoveToOuterDisposeScope()));
            pooled.Add(model.Backbone.Pooled(batch, ForwardMode.Inference).MoveToOuterDisposeScope());
            logits.Add(model.Logits(batch, ForwardMode.Inference).MoveToOuterDisposeScope());
        }

        Assert.InRange(rows.Max(row => row.Count), 300, 384);
        Assert.InRange(Torch.RelativeError(stack(hidden), expected.Read("hidden")), 0, Tolerance);
        Assert.InRange(Torch.RelativeError(cat(pooled), expected.Read("pooled")), 0, Tolerance);
        Assert.InRange(Torch.RelativeError(cat(logits), expected.Read("logits")), 0, Tolerance);
    }

    private static List<IReadOnlyList<int>> Rows(SafetensorsFile file)
    {
        var ids = file.Read("ids").data<int>().ToArray();
        var rows = new List<IReadOnlyList<int>>();
        var at = 0;
        foreach (var length in file.Read("lengths").data<int>().ToArray())
        {
            rows.Add(ids[at..(at + length)]);
            at += length;
        }

        return rows;
    }
}

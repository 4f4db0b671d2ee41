using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>The head may look at the first token, the last one, or the mean of all: computed here from the hidden states, by hand.</summary>
public sealed class PoolingTests
{
    private static readonly IReadOnlyList<int>[] Rows = [[5, 6, 7, 8, 9, 10, 11], [12], [13, 14, 15]];

    public static TheoryData<string, Pooling> Cases
    {
        get
        {
            var cases = new TheoryData<string, Pooling>();
            foreach (var name in new[] { "families/gemma2", "families/mistral", "families/qwen3", "families/roberta", "families/deberta-v2" })
            {
                cases.Add(name, Pooling.Last);
                cases.Add(name, Pooling.Mean);
                if (!name.Contains("gemma", StringComparison.Ordinal)
                    && !name.Contains("mistral", StringComparison.Ordinal)
                    && !name.Contains("qwen", StringComparison.Ordinal))
                {
                    cases.Add(name, Pooling.First);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheHead_LooksAtWhatPoolingSays(string name, Pooling pooling)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0, pooling);
        using var batch = TokenBatch.Create(Rows, padId: model.Config.PadTokenId ?? 0, CPU);
        var hidden = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
        var states = stack(Rows.Select((row, b) => pooling switch
        {
            Pooling.First => hidden[b, 0],
            Pooling.Last => hidden[b, row.Count - 1],
            _ => hidden[b].narrow(0, 0, row.Count).mean([0]),
        }));
        var pooler = model.Sites.SingleOrDefault(site => site.Path == "pooler.dense");
        var wanted = pooler is null ? states : nn.functional.gelu(pooler.Forward(states, ForwardMode.Inference));
        Assert.InRange(Torch.RelativeError(model.Backbone.Pooled(batch, ForwardMode.Inference), wanted), 0, 1e-5);
    }

    [Theory]
    [InlineData("families/gemma2")]
    [InlineData("families/roberta")]
    public void Pooling_ChangesTheLogits(string name)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var own = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        using var mean = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0, Pooling.Mean);
        using var batch = TokenBatch.Create(Rows, padId: 0, CPU);
        Assert.True(Torch.RelativeError(mean.Logits(batch, ForwardMode.Inference), own.Logits(batch, ForwardMode.Inference)) > 0.01);
    }

    [Fact]
    public void TheFirstTokenOfADecoder_IsRefused()
        => Assert.Contains(
            "a decoder's first token sees nothing",
            Assert.Throws<ModelException>(() => PreferenceModel.Load(Torch.Fixture("llama-tiny"), CPU, seed: 0, Pooling.First)).Message,
            StringComparison.Ordinal);
}

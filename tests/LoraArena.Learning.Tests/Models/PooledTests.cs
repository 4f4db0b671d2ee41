using LoraArena.Core.Statistics;
using LoraArena.Learning.Devices.Host;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>The last layer computes only what the head looks at: value and gradients must be those of the whole computation.</summary>
public sealed class PooledTests
{
    private const double Tolerance = 1e-5;

    private static readonly string[] Own = ["bert-tiny", "llama-tiny", "llama-tiny-wide-heads"];
    private static readonly string[] Families =
        ["families/gemma2", "families/mistral", "families/qwen3-window", "families/roberta", "families/deberta-v3", "families/deberta-v2"];

    public static TheoryData<string, bool> Cases => Each([.. Own, .. Families]);

    public static TheoryData<string, bool> OwnCases => Each(Own);

    private static TheoryData<string, bool> Each(string[] models)
    {
        var cases = new TheoryData<string, bool>();
        foreach (var model in models)
        {
            cases.Add(model, true);
            cases.Add(model, false);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pooled_IsWhatHiddenStatesGive(string name, bool padded)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = Adapted(name);
        using var batch = Batch(model, padded);
        Assert.Equal(padded, batch.AttentionMaskBT is not null);
        Assert.InRange(Torch.RelativeError(model.Backbone.Pooled(batch, ForwardMode.Inference), Whole(model, batch)), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pooled_GivesTheAdaptersTheGradientsThatHiddenStatesGive(string name, bool padded)
    {
        using var scope = NewDisposeScope();
        using var model = Adapted(name);
        using var batch = Batch(model, padded);
        var shortcut = Gradients(model, () => model.Backbone.Pooled(batch, ForwardMode.Inference));
        var whole = Gradients(model, () => Whole(model, batch));
        Assert.Equal(whole.Count, shortcut.Count);
        foreach (var (key, gradient) in whole)
        {
            Assert.True(gradient.abs().max().ToSingle() > 1e-6, key);
            Assert.InRange(Torch.RelativeError(shortcut[key], gradient), 0, 1e-4);
        }
    }

    [Theory]
    [InlineData("bert-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("families/mistral")]
    [InlineData("families/qwen3-window")]
    [InlineData("families/roberta")]
    [InlineData("families/gemma2")]
    public void AttentionWithoutPadding_GivesTheSame(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Adapted(name);
        using var batch = Batch(model, padded: true);
        var (without, masked) = (ForwardMode.Inference with { AttendsWithoutPadding = true }, ForwardMode.Inference with { AttendsWithoutPadding = false });
        Assert.InRange(Torch.RelativeError(model.Backbone.Pooled(batch, without), model.Backbone.Pooled(batch, masked)), 0, Tolerance);
        var real = batch.RealRows(model.Backbone.HiddenStates(batch, without));
        Assert.InRange(Torch.RelativeError(real, batch.RealRows(model.Backbone.HiddenStates(batch, masked))), 0, Tolerance);
        var (first, second) = (
            Gradients(model, () => model.Backbone.Pooled(batch, without)), Gradients(model, () => model.Backbone.Pooled(batch, masked)));
        foreach (var (key, gradient) in second) Assert.InRange(Torch.RelativeError(first[key], gradient), 0, 1e-4);

        // The negative control: what stands at the padding was not computed, unless a cap asks for the composed form. Our own kernel never computes it.
        var computed = name != "families/gemma2" && !(HostAttention.IsSupported && model.Sites[0].Matrix.ComputeType == ScalarType.Float32);
        var padding = model.Backbone.HiddenStates(batch, masked).sub(model.Backbone.HiddenStates(batch, without)).abs().max().ToSingle();
        Assert.Equal(computed, padding > 1e-3);
    }

    [Theory]
    [MemberData(nameof(OwnCases))]
    public void Pooled_LooksAtTheRightToken(string name, bool padded)
    {
        // The negative control of the tests above: another token's state is something else.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = Adapted(name);
        using var batch = Batch(model, padded);
        var hidden = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
        var other = hidden.select(1, 1);
        var wrong = model.Family.Kind == ModelKind.Encoder ? model.Sites[^1].Forward(other, ForwardMode.Inference).tanh() : other;
        Assert.True(Torch.RelativeError(model.Backbone.Pooled(batch, ForwardMode.Inference), wrong) > 0.01);
    }

    [Theory]
    [InlineData("bert-tiny")]
    [InlineData("llama-tiny")]
    public void Logits_DoNotDependOnTheRowsThatABatchHolds(string name)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = Adapted(name);
        IReadOnlyList<int>[] rows = [[5, 6, 7, 8, 9, 10, 11], [12], [13, 14, 15]];
        using var together = TokenBatch.Create(rows, padId: 0, CPU);
        var logits = model.Logits(together, ForwardMode.Inference);
        for (var i = 0; i < rows.Length; i++)
        {
            using var alone = TokenBatch.Create([rows[i]], padId: 0, CPU);

            // Other shapes run in other kernels, which add in another order.
            Assert.InRange(Torch.RelativeError(logits.narrow(0, i, 1), model.Logits(alone, ForwardMode.Inference)), 0, 1e-4);
        }
    }

    [Fact]
    public void ABatch_NeedsRowsWithTokens()
    {
        Assert.Throws<ArgumentException>(() => TokenBatch.Create([], padId: 0, CPU));
        Assert.Throws<ArgumentException>(() => TokenBatch.Create([[1], []], padId: 0, CPU));
    }

    private static TokenBatch Batch(PreferenceModel model, bool padded)
    {
        var random = new SeededRandom(11);
        int[] lengths = padded ? [9, 2, 14, 1] : [6, 6, 6];
        return TokenBatch.Create(
            [.. lengths.Select(n => (IReadOnlyList<int>)[.. Enumerable.Range(0, n).Select(_ => 3 + random.Next(model.Config.VocabularySize - 3))])],
            padId: 0, CPU);
    }

    private static PreferenceModel Adapted(string name)
    {
        var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        model.Attach(VariantCatalog.Get("lora"), new LoraOptions { R = 3 }, seed: 1);

        // B starts at 0, which would hide the adapter and A's gradient.
        using var noGrad = no_grad();
        manual_seed(3);
        foreach (var weight in model.Adapted!.Layers.SelectMany(l => l.Weights)) weight.Value.normal_(0, 0.2);
        return model;
    }

    private static Tensor Whole(PreferenceModel model, TokenBatch batch)
    {
        var hidden = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
        if (model.Family.Kind == ModelKind.Encoder)
        {
            var first = hidden.select(1, 0);
            if (model.Sites.SingleOrDefault(s => s.Path.EndsWith("pooler.dense", StringComparison.Ordinal)) is not { } pooler) return first;
            var pooled = pooler.Forward(first, ForwardMode.Inference);
            return pooler.Path == "pooler.dense" ? nn.functional.gelu(pooled) : pooled.tanh();
        }

        return stack(Enumerable.Range(0, batch.Count).Select(b => hidden[b, batch.LastB[b].ToInt64()]));
    }

    private static Dictionary<string, Tensor> Gradients(PreferenceModel model, Func<Tensor> pooled)
    {
        var weights = model.Adapted!.Layers.SelectMany(l => l.Weights.Select(w => (Key: $"{l.Site.Path}.{w.Name}", w.Value))).ToList();
        foreach (var (_, value) in weights)
        {
            value.grad = null;
            value.requires_grad_();
        }

        var output = pooled();
        manual_seed(4);
        (output * randn_like(output)).sum().backward();
        return weights.ToDictionary(w => w.Key, w => w.Value.grad!.clone());
    }
}

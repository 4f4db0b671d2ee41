using System.Runtime.Intrinsics.X86;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>Every family, in several configurations, with what Transformers 5.24.0 computes: see Fixtures/make_families.py.</summary>
public sealed class FamilyParityTests
{
    private const double Tolerance = 2e-5;
    private const double ToleranceOf16Bits = 1e-2;
    private const double Seen = 0.01;

    public static TheoryData<string> Cases => [.. Names()];

    public static TheoryData<string> Decoders => [.. Names().Where(name => File.Exists(Torch.Fixture("families", name, "config4.json")))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void HiddenStatesAndLogits_AreThoseOfTransformers(string name)
    {
        using var model = Load(name);
        using var expected = Expected(name);
        using var noGrad = no_grad();
        Assert.Equal(HeadOrigin.Folder, model.HeadOrigin);
        for (var i = 0; i < 2; i++)
        {
            using var scope = NewDisposeScope();
            using var batch = Torch.Batch(expected, i).OnCpu();
            var hidden = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
            if (batch.AttentionMaskBT is { } keep) hidden = hidden * keep.unsqueeze(-1);
            Assert.InRange(Torch.RelativeError(hidden, expected.Read($"{i}.hidden")), 0, Tolerance);
            Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read($"{i}.logits")), 0, Tolerance);
        }
    }

    /// <summary>
    /// Weights of 16 bits, with what Transformers computes from them (Fixtures/make_bf16.py). Every operation rounds, by up to 4e-2 in all: the results
    /// agree only where each of ours rounds as Transformers' does.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void HiddenStatesAndLogitsInBfloat16_AreThoseOfTransformers(string name)
    {
        Assert.SkipUnless(Avx512BW.IsSupported, "Without AVX-512 the libtorch of either side rounds products of 16 bits in other places.");
        using var scope = NewDisposeScope();
        foreach (var (hidden, theirs, _, logits, theirLogits) in InBfloat16(name, "expected-bf16.safetensors"))
        {
            Assert.InRange(Torch.RelativeError(hidden, theirs), 0, ToleranceOf16Bits);
            Assert.InRange(Torch.RelativeError(logits, theirLogits), 0, ToleranceOf16Bits);
        }
    }

    /// <summary>
    /// The same over all families, on whatever processor: there is a file of Transformers' results from one with AVX-512 and from one without. Ours are
    /// no further from those of 32 bits.
    /// </summary>
    [Fact]
    public void InBfloat16_NoMoreIsRoundedThanByTransformers_OverAllFamilies()
    {
        var file = Avx512BW.IsSupported ? "expected-bf16.safetensors" : "expected-bf16-avx2.safetensors";
        using var scope = NewDisposeScope();
        var ratios = Names().SelectMany(name => InBfloat16(name, file)).Select(r => MeanError(r.Hidden, r.Exact) / MeanError(r.Theirs, r.Exact)).ToList();
        Assert.InRange(ratios.Average(), 0.5, 1.1);
    }

    // Of both batches: hidden states, Transformers', those of 32 bits; logits, and Transformers'.
    private static List<(Tensor Hidden, Tensor Theirs, Tensor Exact, Tensor Logits, Tensor TheirLogits)> InBfloat16(string name, string file)
    {
        using var model = PreferenceModel.Load(Torch.Fixture("families", name), CPU, seed: 0, precision: BasePrecision.Of("bf16", ScalarType.Float32));
        using var exact = Expected(name);
        using var rounded = SafetensorsFile.Open(Torch.Fixture("families", name, file));
        using var noGrad = no_grad();
        var results = new List<(Tensor, Tensor, Tensor, Tensor, Tensor)>();
        for (var i = 0; i < 2; i++)
        {
            using var batch = Torch.Batch(exact, i).OnCpu();
            var hidden = model.Backbone.HiddenStates(batch, ForwardMode.Inference);
            if (batch.AttentionMaskBT is { } keep) hidden = hidden * keep.unsqueeze(-1);
            Assert.Equal(ScalarType.BFloat16, hidden.dtype);
            results.Add((hidden, rounded.Read($"{i}.hidden"), exact.Read($"{i}.hidden"), model.Logits(batch, ForwardMode.Inference), rounded.Read($"{i}.logits")));
        }

        return results;
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Logits_AreThoseOfTransformersPaddedOnTheLeft(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Load(name);
        using var expected = Expected(name);
        using var noGrad = no_grad();
        using var batch = Torch.Batch(expected, 0).OnCpu();
        Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read("0.left")), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LossAndEveryGradient_AreThoseOfTransformers(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Load(name);
        using var expected = Expected(name);
        var weights = model.BaseWeights.Concat(model.HeadWeights).ToList();
        foreach (var weight in weights) weight.Value.requires_grad_();
        using var batch = Torch.Batch(expected, 0).OnCpu();
        var loss = nn.functional.cross_entropy(model.Logits(batch, ForwardMode.Inference), tensor(new long[] { 0, 1, 2, 0 }));
        loss.backward();

        Assert.InRange(Torch.RelativeError(loss, expected.Read("loss")), 0, Tolerance);
        Assert.Equal(
            expected.Entries.Where(e => e.Name.StartsWith("grad.", StringComparison.Ordinal)).Select(e => e.Name["grad.".Length..]).Order(),
            weights.Select(w => w.Name).Order());
        foreach (var weight in weights)
        {
            var wanted = expected.Read("grad." + weight.Name);
            var largest = wanted.abs().max().ToDouble();
            var error = weight.Value.grad is { } gradient ? (gradient - wanted).abs().max().ToDouble() : largest;

            // The gradient of a key's bias is zero but for rounding: a constant added to all scores of a row changes nothing.
            Assert.True(error <= (Tolerance * largest) + 1e-6, $"{weight.Name}: {error} of {largest}");
        }
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void AConfigOfTransformers4_IsTheSameModel(string name)
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder(Path.Join("families", name)).Write("config.json", File.ReadAllText(Torch.Fixture("families", name, "config4.json")));
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 0);
        using var expected = Expected(name);
        using var noGrad = no_grad();
        using var batch = Torch.Batch(expected, 1).OnCpu();
        Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read("1.logits")), 0, Tolerance);
    }

    /// <summary>The negative control: each field of a configuration that the cases turn on is seen in the logits.</summary>
    [Theory]
    [InlineData("llama-3", "rope_parameters", """{"rope_type": "default", "rope_theta": 10000.0}""")]
    [InlineData("llama-linear", "rope_parameters", """{"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}""")]
    [InlineData("llama-dynamic", "max_position_embeddings", "64")]
    [InlineData("llama-dynamic", "hidden_act", "\"silu\"")]
    [InlineData("mistral", "sliding_window", "6")]
    [InlineData("qwen2", "max_window_layers", "2", "layer_types")]
    [InlineData("qwen3", "rms_norm_eps", "0.1")]
    [InlineData("qwen3-window", "rope_parameters", """{"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}""")]
    [InlineData("gemma2", "attn_logit_softcapping", "3.0")]
    [InlineData("gemma2", "query_pre_attn_scalar", "6")]
    [InlineData("deberta-v3", "position_buckets", null)]
    [InlineData("deberta-v2", "conv_act", "\"tanh\"")]
    public void AFieldOfTheConfig_IsSeenInTheLogits(string name, string field, string? json, string? without = null)
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder(Path.Join("families", name)).Config(config =>
        {
            config[field] = json is null ? null : System.Text.Json.Nodes.JsonNode.Parse(json);
            if (without is not null) config.Remove(without);
        });
        using var expected = Expected(name);
        using var noGrad = no_grad();
        if (json is null)
        {
            // Another number of buckets is another table of distances.
            Assert.Throws<ModelException>(() => PreferenceModel.Load(folder.Path, CPU, seed: 0));
            return;
        }

        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 0);
        using var batch = Torch.Batch(expected, 1).OnCpu();
        Assert.True(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read("1.logits")) > Seen / 10);
    }

    // Root mean square of the difference, over that of the values.
    private static double MeanError(Tensor actual, Tensor wanted)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (actual.to(ScalarType.Float64), wanted.to(ScalarType.Float64));
        return ((a - b).square().mean().sqrt() / b.square().mean().sqrt()).ToDouble();
    }

    private static string[] Names()
        => [.. Directory.EnumerateDirectories(Torch.Fixture("families")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    private static PreferenceModel Load(string name) => PreferenceModel.Load(Torch.Fixture("families", name), CPU, seed: 0);

    private static SafetensorsFile Expected(string name) => SafetensorsFile.Open(Torch.Fixture("families", name, "expected.safetensors"));
}

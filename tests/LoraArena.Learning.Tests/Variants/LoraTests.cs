using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>What is true of LoRA besides what is true of every variant (Hu et al. 2021, and PEFT's starting values).</summary>
public sealed class LoraTests
{
    private static readonly ForwardMode TrainingMode = new(true, 0, 0, 0);

    [Theory]
    [InlineData("bert-tiny")]
    [InlineData("llama-tiny")]
    public void ANewAdapter_ChangesNotOneBit(string fixture)
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3);
        using var model = TinyTraining.Model(fixture, "lora");
        Assert.True(TinyTraining.Logits(model).Equals(TinyTraining.Logits(plain)));
    }

    [Fact]
    public void InTheFirstStep_OnlyBHasAGradient()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 1 });
        foreach (var layer in model.Adapted!.Layers)
        {
            Assert.Equal(["lora_A.weight", "lora_B.weight"], layer.Weights.Select(w => w.Name));
            Assert.Equal(0, layer.Weights[0].Value.grad!.abs().max().ToSingle());
            Assert.True(layer.Weights[1].Value.grad!.abs().max().ToSingle() > 1e-7, layer.Site.Path);
        }
    }

    [Fact]
    public void ItsWeight_IsTheScaledProduct_AndOfNoHigherRank()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new LoraOptions { R = 2, LoraAlpha = 3 }, out _);
        Randomise(layer);
        var (a, b) = (layer.Weights[0].Value, layer.Weights[1].Value);
        Assert.Equal([2L, 6L], a.shape);
        Assert.Equal([5L, 2L], b.shape);
        var delta = layer.DeltaWeight();

        // Entry by entry: (α/r) Σ B[o, k] A[k, i].
        for (var o = 0; o < 5; o++)
        {
            for (var i = 0; i < 6; i++)
            {
                var sum = (b[o, 0].ToDouble() * a[0, i].ToDouble()) + (b[o, 1].ToDouble() * a[1, i].ToDouble());
                Assert.Equal(1.5 * sum, delta[o, i].ToDouble(), 1e-5);
            }
        }

        var singular = linalg.svdvals(delta).data<float>().ToArray();
        Assert.True(singular[1] > 0.01 && singular[2] < 1e-5 * singular[0]);
    }

    [Fact]
    public void ForwardIsBaseAndScaledProduct()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new LoraOptions { R = 3, LoraAlpha = 12 }, out var site);
        Randomise(layer);
        var x = randn(2, 4, 6);
        var expected = nn.functional.linear(x, site.Weight.Value + (4 * mm(layer.Weights[1].Value, layer.Weights[0].Value)), site.Bias!.Value);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), expected), 0, 1e-5);
    }

    [Fact]
    public void AlphaTimesK_IsUndoneByBOverK()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var one = Layer(new LoraOptions { R = 4, LoraAlpha = 8 }, out _);
        using var other = Layer(new LoraOptions { R = 4, LoraAlpha = 40 }, out _);
        Randomise(one);
        other.Weights[0].Value.copy_(one.Weights[0].Value);
        other.Weights[1].Value.copy_(one.Weights[1].Value);
        Assert.InRange(Torch.RelativeError(other.DeltaWeight(), 5 * one.DeltaWeight()), 0, 1e-6);
        other.Weights[1].Value.div_(5);
        Assert.InRange(Torch.RelativeError(other.DeltaWeight(), one.DeltaWeight()), 0, 1e-6);
    }

    [Fact]
    public void TwiceTheRankOfNothingMore_WithTwiceTheAlpha_IsTheSame()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var narrow = Layer(new LoraOptions { R = 3, LoraAlpha = 6 }, out _);
        using var wide = Layer(new LoraOptions { R = 6, LoraAlpha = 12 }, out _);
        Randomise(narrow);
        foreach (var weight in wide.Weights) weight.Value.zero_();
        wide.Weights[0].Value.narrow(0, 0, 3).copy_(narrow.Weights[0].Value);
        wide.Weights[1].Value.narrow(1, 0, 3).copy_(narrow.Weights[1].Value);
        Assert.InRange(Torch.RelativeError(wide.DeltaWeight(), narrow.DeltaWeight()), 0, 1e-6);
    }

    [Fact]
    public void Dropout_ActsOnTheAdaptersInputWhileTraining_AndOnNothingElse()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var layer = Layer(new LoraOptions { R = 4, LoraDropout = 0.5 }, out var site);
        var x = randn(8, 6);

        // With B = 0 nothing of the adapter is left: the base saw its input whole.
        Assert.True(layer.Forward(x, TrainingMode).Equals(site.Base(x)));
        Randomise(layer);
        Assert.False(layer.Forward(x, TrainingMode).Equals(layer.Forward(x, TrainingMode)));
        Assert.True(layer.Forward(x, ForwardMode.Inference).Equals(layer.Forward(x, ForwardMode.Inference)));

        // What is kept is scaled up: the mean over many draws is what prediction gives.
        var mean = zeros(8, 5, ScalarType.Float64);
        for (var i = 0; i < 4000; i++) mean.add_(layer.Forward(x, TrainingMode) - site.Base(x));
        Assert.InRange(Torch.RelativeError(mean / 4000, (layer.Forward(x, ForwardMode.Inference) - site.Base(x)).to(ScalarType.Float64)), 0, 0.06);
    }

    [Fact]
    public void StartingValues_AreThoseOfPeft()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = new Projection("site", new Weight("weight", randn(32, 400)), bias: null);
        var variant = new Lora();
        using var kaiming = variant.Wrap(site, new LoraOptions { R = 16 }, new VariantContext(1, 0));
        using var gaussian = variant.Wrap(site, new LoraOptions { R = 16, InitLoraWeights = "gaussian" }, new VariantContext(1, 0));
        using var next = variant.Wrap(site, new LoraOptions { R = 16 }, new VariantContext(1, 1));
        var a = kaiming.Weights[0].Value;

        // Uniform within ±1/√400: its deviation is that over √3.
        Assert.InRange(a.abs().max().ToDouble(), 0.0495, 0.05);
        Assert.InRange(a.std().ToDouble(), 0.05 / Math.Sqrt(3) * 0.97, 0.05 / Math.Sqrt(3) * 1.03);
        Assert.InRange(gaussian.Weights[0].Value.std().ToDouble(), 0.97 / 16, 1.03 / 16);
        Assert.True(gaussian.Weights[0].Value.abs().max().ToDouble() > 3.0 / 16);
        Assert.False(a.Equals(next.Weights[0].Value));
        Assert.All(new[] { kaiming, gaussian }, layer => Assert.Equal(0, layer.Weights[1].Value.abs().max().ToSingle()));
    }

    [Theory]
    [InlineData("r", "0", "variant lora: 'r' is 0; a number from 1 to 1024 is needed.")]
    [InlineData("r", "2.5", "variant lora: 'r' is 2.5; a whole number is needed.")]
    [InlineData("lora_dropout", "1", "variant lora: 'lora_dropout' is 1; a number from 0 to 0.99 is needed.")]
    [InlineData("lora_alpha", "\"x\"", "variant lora: 'lora_alpha' is \"x\"; a number is needed.")]
    [InlineData("rank_pattern", "\"query\"", "rank_pattern 'query' cannot be read ('query' has no '='); write it as query=4, output.dense=16.")]
    [InlineData("rank_pattern", "\"query=2.5\"", "rank_pattern gives 'query' the rank 2.5; a whole number from 1 to 1024 is needed.")]
    [InlineData("alpha_pattern", "\"(=2\"", "alpha_pattern '(' is not a valid regular expression: Invalid pattern '^(.*\\.)?(()$' at offset 12. Not enough )'s.")]
    [InlineData("layers_to_transform", "\"0,x\"", "layers_to_transform '0,x' is not a list of layer numbers such as 0,1,5.")]
    [InlineData("rank", "8", "variant lora has no option 'rank'; it has target_modules, exclude_modules, layers_to_transform, modules_to_save, r, lora_alpha, lora_dropout, init_lora_weights, use_rslora, loraplus_lr_ratio, use_dora, dora_dropout_path, bias, rank_pattern, alpha_pattern.")]
    public void AnOptionThatCannotBe_IsRefusedByName(string name, string value, string sentence)
        => Assert.Equal(sentence, Assert.Throws<OptionException>(() =>
            VariantCatalog.Get("lora").ReadOptions(new JsonObject { [name] = JsonNode.Parse(value) })).Message);

    private static AdapterLayer Layer(LoraOptions options, out Projection site)
    {
        manual_seed(8);
        site = new Projection("site", new Weight("weight", randn(5, 6)), new Weight("bias", randn(5)));
        return new Lora().Wrap(site, options, new VariantContext(Seed: 2, Index: 0));
    }

    private static void Randomise(AdapterLayer layer)
    {
        foreach (var weight in layer.Weights) weight.Value.normal_(0, 0.5);
    }
}

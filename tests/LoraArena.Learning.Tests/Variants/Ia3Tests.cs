using System.Text.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("ia3", "{}", LearningRate = 0.05, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("ia3", "ia3", "IA3Config", """{"bert": {"target_modules": ["key", "value", "output.dense"], "feedforward_modules": ["output.dense"]}, "llama": {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]}}""")]
[assembly: PeftCase("ia3", "ia3-outputs", "IA3Config", """{"feedforward_modules": []}""")]
[assembly: PeftCase("ia3", "ia3-expression", "IA3Config", """{"feedforward_modules": ".*(attention|mlp|self_attn).*(dense|o_proj|up_proj)"}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>IA³ (Liu et al. 2022).</summary>
public sealed class Ia3Tests
{
    [Fact]
    public void AnOutput_IsScaledWithItsBias()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5);
        using var layer = new Ia3().Wrap(site, new Ia3Options());
        VariantLayers.Randomise(layer);
        var (x, l) = (randn(4, 6), layer.Value("ia3_l"));
        Assert.Equal([5L, 1L], l.shape);
        var expected = nn.functional.linear(x, site.Weight.Value, site.Bias!.Value) * l.t();
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), expected), 0, 1e-6);

        // The negative control: a bias that is left alone gives another output.
        Assert.True(Torch.RelativeError(nn.functional.linear(x, site.Weight.Value * l, site.Bias.Value), expected) > 0.1);
    }

    [Fact]
    public void AFeedForwardLayersInput_IsScaled_AndItsBiasIsNot()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5, "model.layers.0.mlp.down_proj");
        using var layer = new Ia3().Wrap(site, new Ia3Options());
        VariantLayers.Randomise(layer);
        var (x, l) = (randn(4, 6), layer.Value("ia3_l"));
        Assert.Equal([1L, 6L], l.shape);
        Assert.InRange(Torch.RelativeError(layer.Forward(x, ForwardMode.Inference), nn.functional.linear(x * l, site.Weight.Value, site.Bias!.Value)), 0, 1e-6);
    }

    [Theory]
    [InlineData("site")]
    [InlineData("down_proj")]
    public void Merging_KeepsTheOutput_BiasIncluded(string path)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var site = VariantLayers.Site(6, 5, path);
        using var layer = new Ia3().Wrap(site, new Ia3Options());
        VariantLayers.Randomise(layer);
        var (x, bias, delta) = (randn(4, 6), site.Bias!.Value.clone(), site.Weight.Value + layer.DeltaWeight());
        var expected = layer.Forward(x, ForwardMode.Inference).clone();
        layer.Merge();
        Assert.InRange(Torch.RelativeError(site.Base(x), expected), 0, 1e-6);
        Assert.InRange(Torch.RelativeError(site.Weight.Value, delta), 0, 1e-6);
        Assert.Equal(path == "down_proj", site.Bias.Value.Equals(bias));
    }

    [Theory]
    [InlineData("down_proj, output.dense", "a.output.dense", true)]
    [InlineData("down_proj, output.dense", "a.b.dense", false)]
    [InlineData(@".*\.dense", "a.b.dense", true)]
    [InlineData(@"\.dense", "a.b.dense", false)]
    [InlineData(null, "a.output.dense", false)]
    public void FeedforwardModules_ChoosesByNameOrExpression(string? modules, string path, bool input)
    {
        var options = new Ia3Options { FeedforwardModules = modules };
        Assert.Equal(input ? 3 : 7, new Ia3().ParametersOf(new SiteShape(path, 3, 7), options));
    }

    [Fact]
    public void AnExpressionThatIsNone_IsRefused()
        => Assert.Contains(
            "not a valid regular expression",
            Assert.Throws<OptionException>(() => VariantCatalog.Get("ia3").ReadOptions(new() { ["feedforward_modules"] = "(" })).Message,
            StringComparison.Ordinal);

    [Fact]
    public void TheConfig_ListsEachFeedForwardLayer_AndOneWithoutTheListIsRefused()
    {
        using var folder = new TemporaryFolder();
        using var model = TinyTraining.Model("llama-tiny", "ia3");
        PeftFolder.Write(folder.Path, model, "base");
        var config = File.ReadAllText(folder.At("adapter_config.json"));
        var written = JsonDocument.Parse(config).RootElement.GetProperty("feedforward_modules").EnumerateArray().Select(e => e.GetString());
        Assert.Equal(["model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"], written);

        folder.Write("adapter_config.json", config.Replace("feedforward_modules", "other", StringComparison.Ordinal));
        using var again = PreferenceModel.Load(Torch.Fixture("llama-tiny"), CPU, seed: 3);
        Assert.Contains(
            "there is no feedforward_modules", Assert.Throws<PeftException>(() => PeftFolder.Load(folder.Path, again)).Message,
            StringComparison.Ordinal);
    }
}

using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: PeftCase("lora", "lora", "LoraConfig", """{"r": 4, "lora_alpha": 6}""")]
[assembly: PeftCase("rslora", "rslora", "LoraConfig", """{"r": 4, "lora_alpha": 6, "use_rslora": true, "rank_pattern": {"query": 2, "q_proj": 3}}""")]
[assembly: TinyVariant("lora-plus", "{}", LearningRate = 0.001)]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>rsLoRA (Kalajdzievski 2023) and LoRA+ (Hayou et al. 2024): LoRA with another scale, and with two learning rates.</summary>
public sealed class LoraFamilyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public void RsLorasScale_SquaredTimesTheRank_IsAlphaSquared(int rank)
    {
        var options = new RsLoraOptions { R = rank, LoraAlpha = 12 };
        Assert.Equal(144, options.ScaleOf("any") * options.ScaleOf("any") * rank, 1e-9);
        Assert.Equal(rank == 1, options.ScaleOf("any") == new LoraOptions { R = rank, LoraAlpha = 12 }.ScaleOf("any"));
    }

    [Fact]
    public void RsLora_EachSiteHasItsOwnRootOfTheRank()
    {
        var options = new RsLoraOptions { R = 4, LoraAlpha = 6, RankPattern = "query=9", AlphaPattern = "key=10" };
        Assert.Equal([2.0, 5.0, 3.0], new[] { "x.query", "x.key", "x.value" }.Select(options.ScaleOf));
    }

    [Fact]
    public void RsLora_TrainsAsLoraWithAlphaTimesTheRootOfTheRank()
    {
        var rslora = Losses("rslora", """{"r": 4, "lora_alpha": 6, "lora_dropout": 0}""");
        Assert.Equal(Losses("lora", """{"r": 4, "lora_alpha": 12, "lora_dropout": 0}"""), rslora);

        // The negative control: with the same alpha it is another training.
        Assert.NotEqual(Losses("lora", """{"r": 4, "lora_alpha": 6, "lora_dropout": 0}"""), rslora);
    }

    [Fact]
    public void RsLora_WithoutItsScale_IsRefused()
    {
        var error = Assert.Throws<OptionException>(() => VariantCatalog.Get("rslora").ReadOptions(new() { ["use_rslora"] = false }));
        Assert.Equal("variant rslora: rslora does not go with use_rslora false: that is plain LoRA; take the variant lora.", error.Message);
    }

    [Fact]
    public void LoraPlus_WithEqualRates_IsLoraBitForBit()
    {
        var plain = Losses("lora", """{"lora_dropout": 0}""");
        Assert.Equal(plain, Losses("lora-plus", """{"lora_dropout": 0, "loraplus_lr_ratio": 1}"""));
        Assert.NotEqual(plain, Losses("lora-plus", """{"lora_dropout": 0, "loraplus_lr_ratio": 4}"""));
    }

    [Fact]
    public void LoraPlus_MovesBByItsOwnRateInTheFirstStep_AndLeavesAAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-plus", new() { ["loraplus_lr_ratio"] = 8 });
        var before = model.Adapted!.Layers.Select(layer => layer.Weights[0].Value.detach().clone()).ToList();
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 1, LearningRate = 0.002, WarmupRatio = 0, WeightDecay = 0, MaxGradNorm = 0 });
        foreach (var (layer, a) in model.Adapted.Layers.Zip(before))
        {
            Assert.True(layer.Weights[0].Value.Equals(a));

            // The first step of Adam is the sign of the gradient: every number of B moves by 8 · 0.002.
            Assert.Equal(0.016, layer.Weights[1].Value.abs().max().ToDouble(), 1e-5);
        }

        Assert.Equal(0.002, HeadMoved(), 1e-5);

        double HeadMoved()
        {
            using var other = TinyTraining.Model("bert-tiny", "lora-plus");
            return (other.HeadWeights[0].Value - model.HeadWeights[0].Value).abs().max().ToDouble();
        }
    }

    [Fact]
    public void LoraPlus_HasEveryTrainedNumberInOneGroup_AndTheRatioHolds()
    {
        using var model = TinyTraining.Model("bert-tiny", "lora-plus");
        using var trainer = new FlatParameters(
            model.Adapted!.Weights.Where(w => w.Trained)
                .Select(w => KeyValuePair.Create(w.Key, w.Weight))
                .Append(KeyValuePair.Create("head", model.HeadWeights[0])),
            CPU, model.Adapted.GroupOf);
        Assert.Equal(trainer.Count, trainer.Groups.Sum(group => group.Count));
        Assert.Equal([1.0, 16.0], trainer.Groups.Select(group => group.Group.LearningRateFactor));
        Assert.Equal(model.Adapted.Layers.Sum(layer => layer.Weights[1].Count), trainer.Groups[1].Count);
    }

    private static List<double> Losses(string variant, string options)
    {
        using var model = TinyTraining.Model("bert-tiny", variant, System.Text.Json.Nodes.JsonNode.Parse(options)!.AsObject());
        return [.. TinyTraining.Train(model, TinyTraining.Options).Select(report => report.Loss)];
    }
}

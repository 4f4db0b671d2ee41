using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("full", "{}", LearningRate = 0.003, StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("bitfit", "{}", LearningRate = 0.02, StartsTheSameForEverySeed = true, OnlyOn = "bert-tiny")]
[assembly: TinyVariant("ln-tuning", "{}", LearningRate = 0.02, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("ln-tuning", "ln-tuning", "LNTuningConfig", """{"bert": {"target_modules": ["LayerNorm"]}, "llama": {"target_modules": ["input_layernorm", "post_attention_layernorm", "norm"]}}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Methods that train weights of the model itself: full fine-tuning, BitFit, LN tuning.</summary>
public sealed class BaseTuningTests
{
    [Fact]
    public void EachTrainsItsOwnWeights()
    {
        Assert.Equal(Names("full").Count, Model("full").BaseWeights.Count);
        Assert.DoesNotContain(Names("full", new() { ["train_embeddings"] = false }), n => n.Contains("word_embeddings", StringComparison.Ordinal));
        Assert.All(Names("bitfit"), n => Assert.EndsWith(".bias", n, StringComparison.Ordinal));
        Assert.Equal(Model("full").BaseWeights.Count(w => w.Name.EndsWith(".bias", StringComparison.Ordinal)), Names("bitfit").Count);
        Assert.All(Names("ln-tuning"), n => Assert.Contains("LayerNorm", n, StringComparison.Ordinal));
        Assert.All(
            Names("ln-tuning", new() { ["target_modules"] = "attention.output.LayerNorm" }),
            n => Assert.Contains("attention.output.LayerNorm", n, StringComparison.Ordinal));
    }

    [Fact]
    public void WhatTrainsOfTheModelItself_CountsOnceAmongItsParameters()
    {
        using var full = TinyTraining.Model("bert-tiny", "full");
        var head = full.HeadWeights.Except(full.BaseWeights).Sum(w => w.Count);
        Assert.Equal(full.BaseParameters + head, full.Parameters);
        Assert.Equal(full.TrainableWeights.Sum(w => w.Count), full.Parameters);

        using var lora = TinyTraining.Model("bert-tiny", "lora");
        Assert.Equal(lora.BaseParameters + lora.Adapted!.Weights.Sum(w => w.Weight.Count) + head, lora.Parameters);
    }

    [Fact]
    public void WithoutALearningRate_EveryBitStays_AndWithOneAFullUpdateHasFullRank()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "full");
        var before = TinyTraining.Bytes(model.BaseWeights);
        TinyTraining.Train(model, TinyTraining.Options with { LearningRate = 1e-30, WeightDecay = 0 });
        Assert.Equal(before, TinyTraining.Bytes(model.BaseWeights));

        using var other = TinyTraining.Model("bert-tiny", "full");
        var start = other.Sites[0].Weight.Value.detach().clone();
        TinyTraining.Train(other, TinyTraining.OptionsFor("full"));
        using var noGrad = no_grad();
        var values = linalg.svdvals(other.Sites[0].Weight.Value - start);
        Assert.True(values[^1].ToDouble() > 1e-5 * values[0].ToDouble());
    }

    [Theory]
    [InlineData("full", "target_modules", "query", "full trains the whole model; target_modules")]
    [InlineData("bitfit", "layers_to_transform", "0", "bitfit trains the whole model; target_modules")]
    [InlineData("ln-tuning", "exclude_modules", "x", "ln-tuning chooses norms by target_modules alone")]
    [InlineData("ln-tuning", "target_modules", "query", "target_modules 'query' matches none of the model's norms; it has LayerNorm")]
    public void ChoicesWithoutMeaning_AreRefused(string variant, string option, string value, string sentence)
        => Assert.StartsWith(
            sentence, Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", variant, new() { [option] = value })).Message,
            StringComparison.Ordinal);

    [Fact]
    public void BitFit_NeedsBiases()
        => Assert.Equal(
            "bitfit trains a model's biases, and this model has none.",
            Assert.Throws<OptionException>(() => TinyTraining.Model("llama-tiny", "bitfit")).Message);

    private static PreferenceModel Model(string variant, System.Text.Json.Nodes.JsonObject? options = null)
        => TinyTraining.Model("bert-tiny", variant, options);

    private static List<string> Names(string variant, System.Text.Json.Nodes.JsonObject? options = null)
        => [.. Model(variant, options).Adapted!.Weights.Select(w => w.Weight.Name)];
}

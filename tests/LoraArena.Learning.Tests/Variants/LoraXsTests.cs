using System.Text.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("lora-xs", """{"r": 8, "lora_alpha": 16, "lora_dropout": 0.1}""", LearningRate = 0.05)]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>LoRA-XS (Bałazy et al. 2024).</summary>
public sealed class LoraXsTests
{
    [Fact]
    public void ItsFrozenFactors_AreTheLargestSingularDirections()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = Started();
        foreach (var layer in model.Adapted!.Layers)
        {
            var (a, b) = (layer.Internal[0].Value, layer.Internal[1].Value);
            Assert.InRange(Torch.RelativeError(mm(a, a.t()), eye(8)), 0, 1e-5);

            // B A is the best approximation of that rank: what is left is as large as the first value that is left out.
            var values = linalg.svdvals(layer.Site.Weight.Value);
            var left = linalg.svdvals(layer.Site.Weight.Value - mm(b, a));
            Assert.InRange(Math.Abs(left[0].ToDouble() - values[8].ToDouble()) / values[0].ToDouble(), 0, 1e-5);
        }
    }

    [Fact]
    public void HoweverItTrains_ItsUpdateStaysWithinTheWeightsLeadingDirections()
    {
        using var scope = NewDisposeScope();
        using var model = Started();
        TinyTraining.Train(model, TinyTraining.OptionsFor("lora-xs"));
        using var noGrad = no_grad();
        foreach (var layer in model.Adapted!.Layers)
        {
            var (u, _, vh) = linalg.svd(layer.Site.Weight.Value, fullMatrices: false);
            var (inside, delta) = (u.narrow(1, 0, 8), layer.DeltaWeight());
            Assert.InRange(Torch.RelativeError(mm(inside, mm(inside.t(), delta)), delta), 0, 1e-4);
            var rows = vh.narrow(0, 0, 8);
            Assert.InRange(Torch.RelativeError(mm(mm(delta, rows.t()), rows), delta), 0, 1e-4);

            // The negative control: within half of them it is not.
            var fewer = u.narrow(1, 0, 4);
            Assert.True(Torch.RelativeError(mm(fewer, mm(fewer.t(), delta)), delta) > 0.01);
        }
    }

    [Fact]
    public void ItTrainsTheSquareOfTheRank_WhateverTheWidths()
    {
        var options = new LoraXsOptions { R = 8 };
        Assert.Equal(64, new LoraXs().ParametersOf(new SiteShape("x", 24, 24), options));
        Assert.Equal(64, new LoraXs().ParametersOf(new SiteShape("x", 4096, 11_008), options));
        Assert.Equal(
            "r is 8, but x is 24 × 7 and has only 7 singular values.",
            Assert.Throws<OptionException>(() => new LoraXs().ParametersOf(new SiteShape("x", 7, 24), options)).Message);
    }

    [Fact]
    public void OnDisk_ItIsPlainLora()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyTraining.Model("bert-tiny", "lora-xs");
        TinyTraining.Train(model, TinyTraining.OptionsFor("lora-xs"));
        PeftFolder.Write(folder.Path, model, "base");
        var config = JsonDocument.Parse(File.ReadAllText(folder.At("adapter_config.json"))).RootElement;
        Assert.Equal(
            ("LORA", 8, 16.0),
            (config.GetProperty("peft_type").GetString(), config.GetProperty("r").GetInt32(), config.GetProperty("lora_alpha").GetDouble()));
        using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 1);
        PeftFolder.Load(folder.Path, again);
        Assert.Equal("lora", again.Adapted!.Variant.Info.Id);
        Assert.InRange(Torch.RelativeError(again.Adapted.Layers[0].DeltaWeight(), model.Adapted!.Layers[0].DeltaWeight()), 0, 1e-6);
    }

    private static PreferenceModel Started() => TinyTraining.Started(TinyTraining.Model("bert-tiny", "lora-xs"));
}

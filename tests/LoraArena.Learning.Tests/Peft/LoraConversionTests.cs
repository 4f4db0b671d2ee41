using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Peft;

/// <summary>Any method as plain LoRA: exact where all ranks are kept, near where fewer are, and the error said is the one that there is.</summary>
public sealed class LoraConversionTests
{
    // One of each kind: an update of low rank, of full rank, a rotation, biases, norms, all weights, a moved base.
    [Theory]
    [InlineData("vera")]
    [InlineData("dora")]
    [InlineData("oft")]
    [InlineData("ia3")]
    [InlineData("bitfit")]
    [InlineData("ln-tuning")]
    [InlineData("full")]
    [InlineData("pissa")]
    public void WithAllRanks_TheConvertedAdapter_HasTheRunsLogits(string variant)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyTraining.Model("bert-tiny", variant);
        TinyTraining.Train(model, TinyTraining.OptionsFor(variant));
        var run = TinyTraining.Logits(model);
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        Assert.True(Torch.RelativeError(TinyTraining.Logits(plain), run) > 1e-3);
        LoraConversion.Write(folder.Path, model, plain, "base", rank: null);

        using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 99);
        PeftFolder.Load(folder.Path, again);
        Assert.Equal("lora", again.Adapted!.Variant.Info.Id);
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(again), run), 0, 1e-5);
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(plain), run), 0, 1e-5);
    }

    [Fact]
    public void WithFewerRanks_TheErrorIsSaid_AndFallsWithTheRank()
    {
        using var scope = NewDisposeScope();
        var errors = new List<double>();
        foreach (var rank in new[] { 1, 4, 24 })
        {
            using var folder = new TemporaryFolder();
            using var model = TinyTraining.Model("bert-tiny", "oft");
            TinyTraining.Train(model, TinyTraining.OptionsFor("oft"));
            var run = TinyTraining.Logits(model);
            using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
            var converted = LoraConversion.Write(folder.Path, model, plain, "base", rank);
            Assert.Equal(rank, converted.MaxRank);
            var said = LogitError.Between(run, TinyTraining.Logits(plain));
            using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 99);
            PeftFolder.Load(folder.Path, again);
            Assert.Equal(said.Relative, LogitError.Between(run, TinyTraining.Logits(again)).Relative, 1e-5);
            errors.Add(said.Relative);
        }

        Assert.True(errors[0] > errors[1] && errors[1] > errors[2] && errors[2] < 1e-5, string.Join(" ", errors));
    }

    [Fact]
    public void APlainLora_KeepsItsRank()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyTraining.Model("bert-tiny", "lora", new() { ["r"] = 3 });
        TinyTraining.Train(model, TinyTraining.Options);
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        Assert.Equal(3, LoraConversion.Write(folder.Path, model, plain, "base", rank: null).MaxRank);
        var config = JsonNode.Parse(File.ReadAllText(folder.At("adapter_config.json")))!;
        Assert.Equal((3, 3), ((int)config["r"]!, (int)config["lora_alpha"]!));
    }
}

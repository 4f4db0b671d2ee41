using System.Text.Json.Nodes;
using LoraArena.Core.Runs;

namespace LoraArena.Runs.Tests;

/// <summary>Runs that nobody named are called by what differs.</summary>
public sealed class RunNamesTests
{
    private static readonly OptionDescription[] Training =
    [
        new("num_train_epochs", OptionKind.Number, JsonValue.Create(2.0), 0.01, 1000, null, ""),
        new("learning_rate", OptionKind.Number, JsonValue.Create(5e-4), 0, 10, null, ""),
        new("batch_size", OptionKind.Integer, JsonValue.Create(16), 1, 65_536, null, ""),
        new("seed", OptionKind.Integer, JsonValue.Create(0), 0, 1e12, null, ""),
        new("device", OptionKind.Text, JsonValue.Create("auto"), null, null, null, ""),
    ];

    private static readonly VariantDescription Lora = new(
        "lora", "LoRA", "", "", null, "",
        [new("r", OptionKind.Integer, JsonValue.Create(16), 1, 1024, null, ""), new("lora_alpha", OptionKind.Number, JsonValue.Create(32), 0, 1e6, null, "")]);

    [Fact]
    public void Defaults_AreSaidOfRankRateAndLengthAlone()
        => Assert.Equal("LoRA on arena-nano: r 16, lr 0.0005, 2 epochs, seed 0", Name("{}", new TrainingOptions()));

    [Fact]
    public void WhatDiffers_IsSaid_AndWhereItRanIsNot()
        => Assert.Equal(
            "LoRA on arena-nano: r 8, alpha 16, lr 0.00005, batch_size 4, 1 epoch, seed 7",
            Name("""{"r":8,"lora_alpha":16}""", new TrainingOptions { LearningRate = 5e-5, BatchSize = 4, NumTrainEpochs = 1, Seed = 7, Device = "cpu" }));

    [Fact]
    public void ANumberOfSteps_TakesThePlaceOfTheEpochs()
        => Assert.Equal("LoRA on arena-nano: r 16, lr 0.0005, 300 steps, seed 0", Name("""{"r":16.0}""", new TrainingOptions { MaxSteps = 300 }));

    [Fact]
    public void TheSameAgain_GetsANumber()
    {
        var first = Name("{}", new TrainingOptions());
        Assert.Equal(first + " (2)", Name("{}", new TrainingOptions(), first));
        Assert.Equal(first + " (3)", Name("{}", new TrainingOptions(), first, first + " (2)"));
    }

    [Fact]
    public void ALongName_IsCut_AndStaysUnlikeOthers()
    {
        var model = new string('m', 120);
        var first = RunNames.Of(Lora, [], new TrainingOptions(), Training, model, []);
        var second = RunNames.Of(Lora, [], new TrainingOptions(), Training, model, [first]);
        Assert.Equal(RunNames.MaxCharacters, first.Length);
        Assert.Equal(RunNames.MaxCharacters, second.Length);
        Assert.NotEqual(first, second);
    }

    private static string Name(string options, TrainingOptions training, params string[] taken)
        => RunNames.Of(Lora, JsonNode.Parse(options)!.AsObject(), training, Training, "arena-nano", taken);
}

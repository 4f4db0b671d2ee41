using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>What a training does to need less memory changes nothing else.</summary>
public sealed class MemoryTests
{
    private static readonly TrainingOptions Options = TinyTraining.Options with { HiddenDropout = 0.1, MaxSteps = 4 };
    private static readonly JsonObject Dropout = new() { ["lora_dropout"] = 0.2 };

    [Theory]
    [InlineData("bert-tiny", "lora")]
    [InlineData("llama-tiny", "lora")]
    [InlineData("bert-tiny", "full")]
    public void Recomputation_GivesTheSameTraining(string fixture, string variant)
    {
        var kept = Train(fixture, variant, Options);
        var again = Train(fixture, variant, Options with { GradientCheckpointing = true });
        Assert.All(kept.Zip(again), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-6));
        Assert.All(kept.Zip(again), pair => Assert.Equal(pair.First.GradNorm, pair.Second.GradNorm, 1e-5));

        // The negative control: another seed drops other elements.
        var other = Train(fixture, variant, Options with { GradientCheckpointing = true, Seed = 4 });
        Assert.Contains(kept.Zip(other), pair => Math.Abs(pair.First.Loss - pair.Second.Loss) > 1e-4);
    }

    [Fact]
    public void AStepThatRunsOutOfMemory_IsDoneAgainWithLess()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options);
        trainer.BeforeMicroBatch = tokens =>
        {
            if (tokens > 100) RunOutOfMemory();
        };
        var reports = TinyTraining.Run(trainer, 3);
        Assert.InRange(trainer.MicroBatchTokens, 1, 127);
        Assert.NotEmpty(trainer.TakeWarnings());
        using var plenty = TinyTraining.Model("bert-tiny", "lora");
        var whole = TinyTraining.Train(plenty, TinyTraining.Options with { MaxSteps = 8 });
        Assert.All(reports.Zip(whole), pair => Assert.Equal(pair.Second.Loss, pair.First.Loss, 1e-4));
    }

    [Fact]
    public void WhereOneRowIsTooMuch_TheErrorIsPassedOn()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options);
        trainer.BeforeMicroBatch = _ => RunOutOfMemory();
        Assert.Throws<ExternalException>(trainer.Step);
        Assert.True(trainer.Recomputes);
    }

    [Fact]
    public void ManySteps_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("llama-tiny", "lora", Dropout.DeepClone().AsObject());
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options with { MaxSteps = 60 });
        TinyTraining.Run(trainer, 10);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        TinyTraining.Run(trainer, 50);
        // Batches are made on another thread and disposed here, so the count of this one falls; a leak of one tensor a step would let it rise.
        Assert.InRange(DisposeScopeManager.Statistics.ThreadTotalLiveCount - before, long.MinValue, -1);
    }

    [Fact]
    public void ABudgetOfSeconds_TakesTheRateTo0OverTheSeconds()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        var seconds = 0.0;
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options with { MaxSteps = 1000, MaxSeconds = 10, WarmupRatio = 0 }) { SecondsTrained = () => seconds };
        var rates = new List<double>();
        for (; seconds < 10; seconds += 2)
        {
            trainer.Step();
            rates.Add(trainer.TakeReports()[0].LearningRate);
        }

        Assert.Equal([0.01, 0.008, 0.006, 0.004, 0.002], rates.Select(rate => Math.Round(rate, 4)));
    }

    // libtorch's own error: no machine has a million gigabytes.
    private static void RunOutOfMemory() => empty(1L << 48, ScalarType.Float32, CPU).Dispose();

    private static IReadOnlyList<StepReport> Train(string fixture, string variant, TrainingOptions options)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model(fixture, variant, variant == "lora" ? Dropout.DeepClone().AsObject() : null);
        return TinyTraining.Train(model, options);
    }
}

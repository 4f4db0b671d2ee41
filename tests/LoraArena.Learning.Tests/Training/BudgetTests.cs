using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>A budget of tokens or seconds is what a method plans over: it takes its ranks away, and changes its stages, within the budget.</summary>
public sealed class BudgetTests
{
    // A budget decides; the epochs would go on for long.
    private static readonly TrainingOptions Endless = TinyTraining.Options with { MaxSteps = null, NumTrainEpochs = 1000 };

    [Theory]
    [InlineData(1)]
    [InlineData(3000)]
    [InlineData(20_000)]
    public void ABudgetOfTokens_IsKnownInSteps(long tokens)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(20), Endless with { MaxTokens = tokens });
        var planned = trainer.PlannedSteps;
        while (!trainer.IsOver) trainer.Step();
        Assert.Equal(planned, trainer.StepsDone);
        Assert.InRange(trainer.Tokens, tokens, tokens + (6 * 40));

        // Epochs that end before the tokens are spent are the plan.
        using var other = TinyTraining.Model("bert-tiny", "lora");
        using var shorter = new Trainer(other, TinyTraining.Packer(), TinyTraining.Battles(20), Endless with { NumTrainEpochs = 1, MaxTokens = 1_000_000 });
        Assert.Equal(4, shorter.PlannedSteps);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AdaLora_HasTakenItsRanksAway_AtTheEndOfTheBudget(bool ofTokens)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "adalora");
        var seconds = 0.0;
        using var trainer = new Trainer(
            model, TinyTraining.Packer(), TinyTraining.Battles(18), ofTokens ? Endless with { MaxTokens = 5000 } : Endless with { MaxSeconds = 90 })
        { SecondsTrained = () => seconds };
        var layers = model.Adapted!.Layers.Cast<AdaLoraLayer>().ToList();
        while (!trainer.IsOver)
        {
            // Slow at first, as trainings are.
            seconds += trainer.StepsDone == 0 ? 6 : 2;
            trainer.Step();
        }

        Assert.True(trainer.StepsDone > 20);
        Assert.Equal(4L * layers.Count, layers.Sum(layer => layer.E.Value.count_nonzero().ToInt64()));
    }

    [Fact]
    public void StagesEndWithinABudgetOfSeconds_AndATrainingGoesOnAsItWasPlanned()
    {
        using var scope = NewDisposeScope();
        var (whole, plan) = Staged(until: null);
        Assert.InRange(plan, 38, 42);

        // Another process goes on after step 17: it does not measure the pace anew, and its stages end where they would have ended.
        var (first, rest) = (Staged(until: 17).Weights, Staged(until: null, from: 17).Weights);
        Assert.Empty(TinyTraining.Differences(whole, rest));
        Assert.NotEmpty(TinyTraining.Differences(whole, first));
    }

    [Fact]
    public void LoraDrop_WarmsForATenthOfTheSeconds()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora-drop", new JsonObject { ["warm_steps"] = null });
        var seconds = 0.0;
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), Endless with { MaxSeconds = 50 })
        {
            SecondsTrained = () => seconds,
            BeforeMicroBatch = _ => seconds += 0.5,
        };
        trainer.Start();

        // The importance of layers is measured after it, in three batches of half a second.
        Assert.InRange(seconds, 5, 7);
    }

    [Fact]
    public void ARowThatCannotBePacked_EndsItsOwnStep_AndNotTheEndOfTheTraining()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        var rows = TinyTraining.Battles(12).ToList();
        var second = EpochRows(rows, step: 1);
        rows[second] = rows[second] with { Winner = null };
        var trainer = new Trainer(model, TinyTraining.Packer(), rows, TinyTraining.Options);
        trainer.Step();
        trainer.Dispose();

        using var again = new Trainer(model, TinyTraining.Packer(), rows, TinyTraining.Options);
        again.Step();
        Assert.Contains(rows[second].Id, Assert.Throws<InvalidOperationException>(again.Step).Message, StringComparison.Ordinal);
    }

    private static int EpochRows(IReadOnlyList<Learning.Packing.TokenizedBattle> rows, int step) => Learning.Packing.EpochPlan.Batches(
        [.. rows.Select(row => TinyTraining.Packer().Pack(row, swap: false).Length)], TinyTraining.Options.BatchSize, TinyTraining.Options.Seed, 0)[step][0];

    // A second a step, forty in all. What there is to keep between two processes goes through a checkpoint in a folder.
    private static (Dictionary<string, byte[]> Weights, long Plan) Staged(long? until, long from = 0)
    {
        var folder = Path.Join(Path.GetTempPath(), $"arena-budget-{Environment.ProcessId}");
        using var model = TinyTraining.Model("bert-tiny", "periodic-lora", new JsonObject { ["stages"] = 3 });
        var seconds = (double)from;
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), Endless with { MaxSeconds = 40 }) { SecondsTrained = () => seconds };
        Assert.Null(trainer.PlannedSteps);
        if (from > 0)
        {
            PeftFolder.ReadCheckpoint(folder, model);
            using var optimizer = SafetensorsFile.Open(Path.Join(folder, "optimizer.safetensors"));
            trainer.Restore(optimizer.Read, from, 0, plannedSteps: long.Parse(File.ReadAllText(Path.Join(folder, "plan")), null));
            Directory.Delete(folder, recursive: true);
        }

        while (!trainer.IsOver && trainer.StepsDone != until)
        {
            trainer.Step();
            seconds++;
        }

        if (until is not null)
        {
            Directory.CreateDirectory(folder);
            PeftFolder.WriteCheckpoint(folder, model);
            SafetensorsWriter.Write(Path.Join(folder, "optimizer.safetensors"), trainer.OptimizerState());
            using var plan = new StreamWriter(Path.Join(folder, "plan"));
            plan.Write(trainer.PlannedSteps);
        }

        return (TinyTraining.Bytes(PeftFolder.Weights(model).Select(w => w.Weight)), trainer.PlannedSteps!.Value);
    }
}

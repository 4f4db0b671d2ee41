using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Checkpoints;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;

namespace LoraArena.Worker.Running;

/// <summary>
/// What a checkpoint of a run holds: every tensor of adapter and head, the optimiser's state by name, and how far the training is. Rows,
/// swaps and dropout are functions of the step, so there is nothing random to keep.
/// </summary>
internal static class RunCheckpoint
{
    private const string OptimizerName = "optimizer.safetensors";
    private const string StateName = "trainer.json";

    /// <summary>Writes a checkpoint after the trainer's last step.</summary>
    public static void Write(RunFolder run, PreferenceModel model, Trainer trainer, RunClock clock) => CheckpointFolder.Write(run, trainer.StepsDone, folder =>
    {
        PeftFolder.WriteCheckpoint(folder, model);
        SafetensorsWriter.Write(Path.Join(folder, OptimizerName), trainer.OptimizerState());
        AtomicFile.WriteJson(Path.Join(folder, StateName), State(trainer, clock));
    }, WorkerLog.Error);

    private static TrainerState State(Trainer trainer, RunClock clock) => new(trainer.StepsDone, trainer.Tokens, clock.Of(RunPhase.Training))
    {
        LoadingSeconds = clock.Of(RunPhase.Loading),
        EvaluationSeconds = clock.Of(RunPhase.Evaluation),
        SavingSeconds = clock.Of(RunPhase.Saving),
        MicroBatchTokens = trainer.MicroBatchTokens,
        Recomputes = trainer.Recomputes,
        PlannedSteps = trainer.PlannedSteps,
    };

    /// <summary>Puts the newest whole checkpoint into model and trainer; null where there is none. Each that is passed over as damaged is told.</summary>
    public static TrainerState? RestoreNewest(RunFolder run, PreferenceModel model, Trainer trainer, Action<long, string> passedOver)
    {
        if (CheckpointFolder.Newest(run, passedOver, WorkerLog.Error) is not { } newest) return null;
        var state = JsonFile.Read<TrainerState>(Path.Join(newest.Folder, StateName));
        PeftFolder.ReadCheckpoint(newest.Folder, model);
        using var optimizer = SafetensorsFile.Open(Path.Join(newest.Folder, OptimizerName));
        trainer.Restore(optimizer.Read, state.Step, state.Tokens, state.MicroBatchTokens, state.Recomputes, state.PlannedSteps);
        return state;
    }
}

/// <summary>How far a training is.</summary>
/// <param name="Step">Optimiser steps done.</param>
/// <param name="Tokens">Real tokens trained on.</param>
/// <param name="Seconds">Seconds of training.</param>
internal sealed record TrainerState(long Step, long Tokens, double Seconds)
{
    /// <summary>Seconds of loading.</summary>
    public double LoadingSeconds { get; init; }

    /// <summary>Seconds of evaluation.</summary>
    public double EvaluationSeconds { get; init; }

    /// <summary>Seconds of writing checkpoints.</summary>
    public double SavingSeconds { get; init; }

    /// <summary>Tokens that go through the model at once, which lack of memory may have halved; null in checkpoints that do not say it.</summary>
    public int? MicroBatchTokens { get; init; }

    /// <summary>True if blocks are computed again, which lack of memory may have switched on.</summary>
    public bool? Recomputes { get; init; }

    /// <summary>Steps that the training is going to have, once they are known.</summary>
    public long? PlannedSteps { get; init; }
}

using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>LoRA in stages on a model.</summary>
internal sealed class AttachedStagedLora(
    LoraVariant variant, StagedLoraOptions options, IReadOnlyList<StagedLoraLayer> layers, long seed) : AttachedLora(variant, options, layers)
{
    private long _stepsOfStage = long.MaxValue;
    private long _stage;

    public override void Plan(long steps, long stepsPerEpoch) => _stepsOfStage = Math.Max(1, (steps + options.Stages - 1) / options.Stages);

    public override void Resume(long steps) => _stage = StageOf(steps);

    public override double LearningRate(LinearSchedule schedule, double step)
    {
        if (!options.ResetScheduler) return base.LearningRate(schedule, step);
        var start = (long)step / _stepsOfStage * _stepsOfStage;
        return (schedule with { Steps = Math.Min(_stepsOfStage, schedule.Steps - start) }).At(step - start);
    }

    public override long OptimizerSteps(long steps) => options.ResetOptimizer ? steps - (StageOf(steps) * _stepsOfStage) : steps;

    public override void AfterStep(long step, Optimizer optimizer)
    {
        if (StageOf(step) == _stage) return;

        // More than one, where the length was known late.
        for (; _stage < StageOf(step); _stage++)
        {
            foreach (var layer in layers) layer.EndStage((int)_stage, seed);
        }

        if (options.ResetOptimizer) optimizer.Reset();
    }

    public override void ReadCheckpoint(PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        using var scope = NewDisposeScope();
        foreach (var layer in layers)
        {
            for (var stage = 0; stage < options.Stages - 1; stage++) layer.MoveBase(stage, 1);
        }
    }

    /// <summary>Plain LoRA of rank M · r on the untouched base.</summary>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        var tensors = adapter.Tensors.ToDictionary(StringComparer.Ordinal);
        foreach (var layer in layers) (tensors[KeyOf(layer, layer.A)], tensors[KeyOf(layer, layer.B)]) = layer.Whole;
        LoraExport.MultiplyRank(adapter.Config, options, options.Stages);
        return new PeftAdapter(adapter.Config, tensors);
    }

    // The last one goes on to the end, however many steps that takes.
    private long StageOf(long step) => Math.Min(step / _stepsOfStage, options.Stages - 1);
}

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

    public override void Plan(long steps, long stepsPerEpoch) => _stepsOfStage = Math.Max(1, (steps + options.Stages - 1) / options.Stages);

    public override double LearningRate(LinearSchedule schedule, long step)
    {
        if (!options.ResetScheduler) return base.LearningRate(schedule, step);
        var start = step / _stepsOfStage * _stepsOfStage;
        return (schedule with { Steps = Math.Min(_stepsOfStage, schedule.Steps - start) }).At(step - start);
    }

    public override long OptimizerSteps(long steps) => options.ResetOptimizer ? steps % _stepsOfStage : steps;

    public override void AfterStep(long step, Optimizer optimizer)
    {
        var stage = step / _stepsOfStage;
        if (step % _stepsOfStage != 0 || stage >= options.Stages) return;
        foreach (var layer in layers) layer.EndStage((int)stage - 1, seed);
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
}

using LoraArena.Core.Journal;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Training;

namespace LoraArena.Worker.Running;

/// <summary>Writes the steps since its last report into the journal, and notices a training that has diverged.</summary>
internal sealed class StepReporter(JournalWriter journal, Trainer trainer, ComputeDevice device, double secondsBefore)
{
    private long _tokens = trainer.Tokens;
    private double _since = secondsBefore;

    /// <summary>Reports all steps that are not in the journal yet.</summary>
    /// <param name="seconds">Seconds of training so far.</param>
    /// <exception cref="DivergedException">A loss or a gradient is not a number any more.</exception>
    public void Report(double seconds)
    {
        var reports = trainer.TakeReports();
        if (reports.Count == 0) return;
        var tokensPerSecond = (trainer.Tokens - _tokens) / Math.Max(1e-9, seconds - _since);
        (_tokens, _since) = (trainer.Tokens, seconds);
        foreach (var report in reports)
        {
            if (!double.IsFinite(report.Loss) || !double.IsFinite(report.GradNorm)) throw new DivergedException(report.Step);
            journal.Append(new StepRecord(
                report.Step, (double)report.Step / trainer.StepsPerEpoch, report.Loss, report.LearningRate, report.GradNorm,
                tokensPerSecond, seconds, device.UsedBytes()));
        }
    }
}

/// <summary>The training has diverged.</summary>
internal sealed class DivergedException(long step)
    : Exception(FormattableString.Invariant($"The training diverged at step {step}: loss or gradient is not a finite number. Lower the learning rate, or raise warmup_ratio."));

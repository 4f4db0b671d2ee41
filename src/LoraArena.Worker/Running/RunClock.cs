namespace LoraArena.Worker.Running;

/// <summary>What the time of a run goes to. One phase is measured at a time, so training is charged with nothing but training.</summary>
/// <param name="time">The time.</param>
internal sealed class RunClock(TimeProvider time)
{
    private readonly double[] _seconds = new double[Enum.GetValues<RunPhase>().Length];
    private RunPhase _phase;
    private long _since = time.GetTimestamp();

    /// <summary>Goes over to another phase.</summary>
    /// <returns>The phase before.</returns>
    public RunPhase Enter(RunPhase phase)
    {
        var before = _phase;
        _seconds[(int)before] += time.GetElapsedTime(_since).TotalSeconds;
        (_phase, _since) = (phase, time.GetTimestamp());
        return before;
    }

    /// <summary>Seconds in a phase so far, those of earlier attempts included.</summary>
    public double Of(RunPhase phase) => _seconds[(int)phase] + (phase == _phase ? time.GetElapsedTime(_since).TotalSeconds : 0);

    /// <summary>Takes over what earlier attempts had counted up to the checkpoint.</summary>
    public void Add(RunPhase phase, double seconds) => _seconds[(int)phase] += seconds;
}

/// <summary>What a run can be doing.</summary>
internal enum RunPhase
{
    /// <summary>Model, rows, tokens, the checkpoint it goes on from.</summary>
    Loading,

    /// <summary>Optimiser steps.</summary>
    Training,

    /// <summary>Predictions of validation and test rows.</summary>
    Evaluation,

    /// <summary>Writing checkpoints and the adapter.</summary>
    Saving,
}

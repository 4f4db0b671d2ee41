using LoraArena.Core.Runs;

namespace LoraArena.Learning.Training;

/// <summary>
/// How long a training is. Epochs or steps say it outright, and a budget of tokens follows from the rows. A budget of seconds becomes steps once
/// the pace is known, after a twentieth of them.
/// </summary>
internal sealed class TrainingLength
{
    private const double PaceIsKnownAfter = 0.05;
    private const long StepsOfPace = 3;
    private readonly TrainingOptions _options;

    // Without a budget of seconds.
    private readonly long _steps;
    private (long Step, double Seconds)? _paceFrom;

    public TrainingLength(TrainingOptions options, StepBatches batches)
    {
        _options = options;
        MaxSteps = options.MaxSteps ?? Math.Max(1, (long)Math.Ceiling(options.NumTrainEpochs * batches.StepsPerEpoch));
        _steps = options.MaxTokens is { } tokens ? Math.Min(MaxSteps, batches.StepsFor(tokens)) : MaxSteps;
        if (options.MaxSeconds is null) Planned = _steps;
    }

    /// <summary>Optimiser steps that it will not go beyond.</summary>
    public long MaxSteps { get; }

    /// <summary>Optimiser steps that it is going to have; null while a budget of seconds has not told its pace.</summary>
    public long? Planned { get; set; }

    /// <summary>Optimiser steps to plan with: at most these, where it is not known yet.</summary>
    public long StepsToPlan => Planned ?? _steps;

    /// <summary>True once one of its limits is reached.</summary>
    public bool IsOver(long steps, long tokens, double seconds) => steps >= MaxSteps || tokens >= _options.MaxTokens || seconds >= _options.MaxSeconds;

    /// <summary>Where the training is, in steps of <see cref="StepsToPlan"/>: whichever of its limits is nearest.</summary>
    public double Position(long steps, long tokens, double seconds)
    {
        if (_options.MaxSeconds is null && _options.MaxTokens is null) return steps;
        var share = Math.Max((double)steps / MaxSteps, Math.Max((double)tokens / _options.MaxTokens ?? 0, seconds / _options.MaxSeconds ?? 0));
        return Math.Min(share, 1) * StepsToPlan;
    }

    /// <summary>Follows a step; gives true in the one after which <see cref="Planned"/> is known.</summary>
    public bool Observe(long steps, double seconds)
    {
        if (Planned is not null) return false;
        if (_paceFrom is not { } from)
        {
            // What starting values take is spent before the first step, and is no part of the pace.
            _paceFrom = (steps, seconds);
            return false;
        }

        var done = steps - from.Step;
        var pace = (seconds - from.Seconds) / done;
        var left = Math.Max(0, _options.MaxSeconds!.Value - seconds) / pace;
        var all = pace > 0 ? Math.Min(_steps, steps + Math.Ceiling(left)) : _steps;
        if (done < StepsOfPace || steps < PaceIsKnownAfter * all) return false;
        Planned = (long)all;
        return true;
    }
}

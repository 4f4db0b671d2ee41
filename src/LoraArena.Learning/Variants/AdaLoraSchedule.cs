using LoraArena.Core.Runs;

namespace LoraArena.Learning.Variants;

/// <summary>When ranks are taken away, in optimiser steps from 1.</summary>
/// <param name="Total">Steps of the training.</param>
/// <param name="First">Up to this step nothing is taken.</param>
/// <param name="Last">In this step it is done for the last time; after it the choice stays.</param>
/// <param name="Every">Steps between two times.</param>
public sealed record AdaLoraSchedule(long Total, long First, long Last, long Every)
{
    /// <summary>The schedule of a training.</summary>
    /// <exception cref="OptionException">The training is too short for what the options say.</exception>
    public static AdaLoraSchedule Of(AdaLoraOptions options, long total)
    {
        var first = options.Tinit ?? total / 10;
        var last = total - (options.Tfinal ?? (total * 3 / 10));
        if (first >= last && total > 1)
        {
            throw new OptionException($"adalora: tinit {first} and tfinal {total - last} leave none of the training's {total} steps to take ranks away in.");
        }

        return new AdaLoraSchedule(total, first, Math.Max(1, last), options.DeltaT ?? Math.Max(1, total / 100));
    }

    /// <summary>Entries of E that may be other than zero after a step.</summary>
    public long Budget(long step, long start, long target)
    {
        if (step <= First) return start;
        if (step >= Last) return target;
        var left = 1 - ((double)(step - First) / (Last - First));
        return (long)(((start - target) * left * left * left) + target);
    }

    /// <summary>True if ranks are taken away in a step.</summary>
    public bool Masks(long step) => step == Last || (step > First && step < Last && step % Every == 0);
}

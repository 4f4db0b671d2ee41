namespace LoraArena.Learning.Training;

/// <summary>
/// The learning rate as a pure function of the step: up in a straight line over the warm-up, then down in one that reaches 0 at the end.
/// It is Transformers' <c>linear</c> schedule, but that its warm-up begins one step in, so that the first step is not lost.
/// </summary>
/// <param name="Peak">Highest learning rate.</param>
/// <param name="Steps">Optimiser steps in all.</param>
/// <param name="WarmupRatio">Share of them in which it rises.</param>
public sealed record LinearSchedule(double Peak, long Steps, double WarmupRatio)
{
    /// <summary>The learning rate of a step, counted from 0; where seconds or tokens say how far a training is, it is between two steps.</summary>
    public double At(double step)
    {
        var warmup = (long)Math.Ceiling(WarmupRatio * Steps);
        return step < warmup ? Peak * Math.Min(warmup, step + 1) / warmup : Peak * Math.Max(0, (Steps - step) / Math.Max(1, Steps - warmup));
    }
}

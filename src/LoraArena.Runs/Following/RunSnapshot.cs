using LoraArena.Core.Journal;

namespace LoraArena.Runs.Following;

/// <summary>What is known of a run's progress at one moment; never changes.</summary>
/// <param name="Version">Number of the last journal record in it: grows with every change.</param>
/// <param name="Phase">What the worker does.</param>
/// <param name="Plan">What is ahead.</param>
/// <param name="LastStep">The last step.</param>
/// <param name="SecondsLeft">Seconds of training that remain at the pace so far.</param>
/// <param name="Share">Share of the training that is done, from 0 to 1.</param>
/// <param name="CheckpointStep">Step of the last checkpoint; 0 before the first.</param>
/// <param name="Curve">At most about a thousand steps that show the whole curve.</param>
/// <param name="Evals">Every evaluation.</param>
/// <param name="Warnings">Every warning.</param>
public sealed record RunSnapshot(
    long Version,
    string? Phase,
    PlanRecord? Plan,
    StepRecord? LastStep,
    double? SecondsLeft,
    double? Share,
    long CheckpointStep,
    IReadOnlyList<StepRecord> Curve,
    IReadOnlyList<EvalRecord> Evals,
    IReadOnlyList<WarningRecord> Warnings)
{
    /// <summary>Most points of a curve.</summary>
    public const int MaxPoints = 1000;

    /// <summary>Nothing known yet.</summary>
    public static RunSnapshot Empty { get; } = new(0, null, null, null, null, null, 0, [], [], []);

    /// <summary>A history as it stands.</summary>
    public static RunSnapshot Of(RunHistory history) => new(
        history.LastNumber, history.State?.Phase, history.Plan, history.LastStep, history.SecondsLeft, history.Share, history.Checkpoint?.Step ?? 0,
        history.ThinnedSteps(MaxPoints), [.. history.Evals], [.. history.Warnings]);
}

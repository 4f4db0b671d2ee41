using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;

namespace LoraArena.Core.Competitions;

/// <summary>What the board knows of one run that has succeeded.</summary>
/// <param name="Spec">What it was told.</param>
/// <param name="Settings">The method that it belongs to.</param>
/// <param name="Scores">How good it is.</param>
/// <param name="Cost">What it took.</param>
/// <param name="Losses">Its losses, summarised.</param>
/// <param name="Notes">What people wrote about it.</param>
public sealed record BoardRun(RunSpec Spec, MethodSettings Settings, Scores Scores, RunCost? Cost, LossTable Losses, RunNotes Notes)
{
    /// <summary>What is special about its end; null where nothing is.</summary>
    public RunMark? Flag { get; init; }
}

/// <summary>A predictor that needs no model, scored on the same rows.</summary>
/// <param name="Id">Id of the baseline.</param>
/// <param name="Name">What to call it.</param>
/// <param name="Scores">How good it is.</param>
/// <param name="Losses">Its losses, summarised.</param>
public sealed record BoardBaseline(string Id, string Name, Scores Scores, LossTable Losses);

/// <summary>What was scored on one set of rows: those of a hold-out, or of one fold.</summary>
/// <param name="Runs">Runs that have succeeded.</param>
/// <param name="Baselines">Baselines, from the simplest on. They say which rows are meant.</param>
public sealed record BoardPart(IReadOnlyList<BoardRun> Runs, IReadOnlyList<BoardBaseline> Baselines)
{
    /// <summary>Runs on the same rows that have ended without success.</summary>
    public IReadOnlyList<FailedRun> Failed { get; init; } = [];
}

/// <summary>A run that is not compared, and why.</summary>
/// <param name="Run">Id of the run.</param>
/// <param name="Name">Its name.</param>
/// <param name="Reason">A sentence.</param>
public sealed record ExcludedRun(string Run, string Name, string Reason);

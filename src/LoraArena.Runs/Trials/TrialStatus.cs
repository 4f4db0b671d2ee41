using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Trials;

/// <summary>How a trial stands: every planned run with its state.</summary>
/// <param name="Trial">The trial.</param>
/// <param name="Lines">Its runs, in the order of the plan.</param>
/// <param name="Chosen">The learning rates, once chosen.</param>
/// <param name="IsCancelled">True where nothing more is started.</param>
public sealed record TrialStatus(Trial Trial, IReadOnlyList<TrialLine> Lines, ChosenRates? Chosen, bool IsCancelled)
{
    /// <summary>State of a run that was planned and not begun, and never will be.</summary>
    public const string NotRun = "not run";

    /// <summary>State of a run that was deleted.</summary>
    public const string Deleted = "deleted";

    /// <summary>State of a run that was planned and waits for its turn in the plan.</summary>
    public const string Planned = "planned";

    /// <summary>True where nothing will happen any more.</summary>
    public bool IsOver => Lines.All(l => l.IsOver);

    /// <summary>The trial's state in a word.</summary>
    public string State => !IsOver ? Lines.Any(l => l.Planned.IsTuning && !l.IsOver) ? "trying learning rates" : "running"
        : IsCancelled ? "cancelled" : Lines.Where(l => !l.Planned.IsTuning).All(l => l.State == RunState.Succeeded.Name) ? "succeeded" : "ended with failures";
}

/// <summary>A planned run, and how it stands.</summary>
/// <param name="Planned">The run.</param>
/// <param name="State">Name of its state, or <see cref="TrialStatus.Planned"/> or <see cref="TrialStatus.NotRun"/>.</param>
/// <param name="Reason">Why it failed, was stopped or was not run.</param>
/// <param name="Run">Its entry in the index, once it has one.</param>
public sealed record TrialLine(PlannedRun Planned, string State, string? Reason, RunEntry? Run)
{
    /// <summary>True where nothing will happen to it any more.</summary>
    public bool IsOver => State is TrialStatus.NotRun or TrialStatus.Deleted || (Run is not null && RunState.Parse(Run.State).IsFinal);
}

using System.Globalization;
using LoraArena.Cli.Printing;
using LoraArena.Core.Journal;
using LoraArena.Runs.Following;
using LoraArena.Storage.Entities;

namespace LoraArena.Cli.Running;

/// <summary>Tells of a run as it goes: a line for each change of state, evaluation and warning, and between them where it is.</summary>
internal sealed class RunReporter(Progress progress)
{
    private string? _state;
    private long _reported;

    /// <summary>Says what is new.</summary>
    public void Report(RunEntry run, RunSnapshot snapshot)
    {
        if (_state != run.State) progress.Event($"Run {run.Id}: {run.State}");
        _state = run.State;
        foreach (var record in snapshot.Evals.Concat<JournalRecord>(snapshot.Warnings).Where(record => record.N > _reported).OrderBy(record => record.N))
        {
            progress.Event($"Run {run.Id}: {Sentence(record)}");
        }

        _reported = snapshot.Version;
        progress.Now($"Run {run.Id}: {Status(run, snapshot)}");
    }

    private static string Sentence(JournalRecord record) => record switch
    {
        EvalRecord { Scores: var scores } eval =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"after step {eval.Step} log loss {scores.LogLoss:0.0000}, accuracy {scores.Accuracy:0.0000}, ECE {scores.Ece:0.0000}"),
        WarningRecord warning => warning.Text,
        _ => throw new ArgumentOutOfRangeException(nameof(record), record, "neither an evaluation nor a warning"),
    };

    private static string Status(RunEntry run, RunSnapshot snapshot)
    {
        var phase = run.Phase ?? run.State;
        if (snapshot.LastStep is not { } last) return phase;
        var steps = snapshot.Plan is { Steps: > 0 } plan ? string.Create(CultureInfo.InvariantCulture, $" of {plan.Steps}") : "";
        var left = snapshot.SecondsLeft is { } seconds ? $", about {Show.Seconds(seconds)} left" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{phase}, step {last.Step}{steps}, loss {last.Loss:0.0000}, {last.TokensPerSecond:0} tokens/s{left}");
    }
}

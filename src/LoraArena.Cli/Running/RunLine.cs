using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Storage.Entities;

namespace LoraArena.Cli.Running;

/// <summary>A run in a list.</summary>
/// <param name="Run">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Competition">Name of its competition.</param>
/// <param name="Model">Name of its base model.</param>
/// <param name="Variant">Id of its variant.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Owner">Who asked for it.</param>
/// <param name="Created">When it was created, UTC.</param>
/// <param name="State">Its state.</param>
/// <param name="Reason">Why it failed or was stopped.</param>
/// <param name="Phase">What its worker does.</param>
/// <param name="Step">Optimiser steps done.</param>
/// <param name="Steps">Optimiser steps in all, once known.</param>
/// <param name="LogLoss">Log loss on the validation rows.</param>
internal sealed record RunLine(
    string Run, string Name, string Competition, string Model, string Variant, long Seed, string Owner, DateTimeOffset Created,
    string State, string? Reason, string? Phase, long Step, long? Steps, double? LogLoss)
{
    /// <summary>Lines of runs, with the names of their competitions.</summary>
    public static IReadOnlyList<RunLine> Of(ArenaServices arena, IEnumerable<RunEntry> runs)
    {
        var names = arena.Library.List().ToDictionary(c => c.Id, c => c.Name, StringComparer.Ordinal);
        return [.. runs.Select(run => new RunLine(
            run.Id,
            run.Name,
            names.GetValueOrDefault(run.CompetitionId, run.CompetitionId),
            run.Model,
            run.Variant,
            run.Seed,
            run.Owner,
            DateTimeOffset.FromUnixTimeMilliseconds(run.CreatedMs),
            run.State,
            run.Reason,
            run.Phase,
            run.Step,
            run.Steps > 0 ? run.Steps : null,
            run.LogLoss))];
    }

    /// <summary>Prints lines for people.</summary>
    public static void Print(TextWriter text, IReadOnlyList<RunLine> lines)
    {
        var table = new TextTable().Text("run").Text("name").Text("competition").Text("state").Figures("step").Figures("log loss").Text("created");
        foreach (var line in lines)
        {
            var steps = line.Steps is { } all ? $"{Show.Count(line.Step)}/{Show.Count(all)}" : line.Step > 0 ? Show.Count(line.Step) : "";
            var state = RunState.Parse(line.State).IsActive && line.Phase is { } phase ? $"{line.State}, {phase}" : line.State;
            table.Add(line.Run, line.Name, line.Competition, state, steps, Show.Metric(line.LogLoss), Show.Time(line.Created));
        }

        table.Write(text);
    }
}

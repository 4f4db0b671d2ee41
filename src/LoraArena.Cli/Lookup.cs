using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Data.Competitions;
using LoraArena.Runs.Launching;
using LoraArena.Runs.Trials;
using LoraArena.Storage.Entities;

namespace LoraArena.Cli;

/// <summary>Finds what people name: competitions, models and variants by name or id, runs by id, its beginning, or name.</summary>
internal static class Lookup
{
    private const int MinBeginning = 6;
    private const int MaxListed = 20;

    /// <summary>A competition.</summary>
    /// <exception cref="CompetitionException">There is none of that name.</exception>
    public static Competition Competition(this ArenaServices arena, string name)
        => arena.Library.Find(name)
            ?? throw new CompetitionException($"There is no competition '{name}'; {List("these are", arena.Library.List().Select(c => c.Name))}.");

    /// <summary>A base model.</summary>
    /// <exception cref="RefusedException">There is none of that name.</exception>
    public static async Task<ModelCard> ModelAsync(this ArenaServices arena, string name, CancellationToken cancel)
    {
        var models = await arena.Store.ModelsAsync(cancel);
        return models.FirstOrDefault(m => m.Id == name || string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new RefusedException($"There is no model '{name}'; {List("these are", models.Select(m => m.Name))}. 'arena models add' registers a folder.");
    }

    /// <summary>A variant, with what the worker says about all runs.</summary>
    /// <exception cref="RefusedException">There is none of that id.</exception>
    public static async Task<(VariantDescription Variant, WorkerDescription Worker)> VariantAsync(this ArenaServices arena, string id, CancellationToken cancel)
    {
        var worker = await arena.Get<WorkerCatalog>().DescribeAsync(cancel);
        return (worker.Variants.FirstOrDefault(v => v.Id == id) ?? throw new RefusedException($"There is no variant '{id}'; {List("these are", worker.Variants.Select(v => v.Id))}."), worker);
    }

    /// <summary>A run.</summary>
    /// <exception cref="RefusedException">None or several go by that name.</exception>
    public static async Task<RunEntry> RunAsync(this ArenaServices arena, string name, CancellationToken cancel)
    {
        if (ArenaId.IsValid(name) && await arena.Store.RunAsync(name, cancel) is { } exact) return exact;
        var found = (await arena.Store.RunsAsync(null, int.MaxValue, cancel))
            .Where(run => run.Name == name || (name.Length >= MinBeginning && run.Id.StartsWith(name, StringComparison.Ordinal)))
            .ToList();
        return found switch
        {
            [var only] => only,
            [] => throw new RefusedException($"There is no run '{name}'. A run goes by its id, a beginning of it of at least {MinBeginning} characters, or its name; 'arena runs' lists them."),
            _ => throw new RefusedException($"{found.Count} runs go by '{name}'; {List("name one by its id", found.Select(run => run.Id))}."),
        };
    }

    /// <summary>A trial by its id or its name.</summary>
    /// <exception cref="RefusedException">None or several go by that name.</exception>
    public static Trial Trial(this ArenaServices arena, string name) => arena.Get<TrialLibrary>().Find(name) switch
    {
        [var only] => only,
        [] => throw new RefusedException($"There is no trial '{name}'; a trial goes by its id or its name."),
        var found => throw new RefusedException($"{found.Count} trials go by '{name}'; {List("name one by its id", found.Select(trial => trial.Id))}."),
    };

    /// <summary>A run or a trial: one of the two is null.</summary>
    /// <exception cref="RefusedException">None or several go by that name.</exception>
    public static async Task<(RunEntry? Run, Trial? Trial)> RunOrTrialAsync(this ArenaServices arena, string name, CancellationToken cancel)
    {
        switch (arena.Get<TrialLibrary>().Find(name))
        {
            case []:
                return (await arena.RunAsync(name, cancel), null);
            case [var only] when only.Id == name || (await arena.Store.RunsAsync(null, int.MaxValue, cancel)).All(run => run.Name != name):
                return (null, only);
            case var found:
                throw new RefusedException($"{(found.Count == 1 ? "A trial and a run go" : $"{found.Count} trials go")} by '{name}'; {List("name one by its id; trials are", found.Select(trial => trial.Id))}.");
        }
    }

    /// <summary>A run that has succeeded: the others have nothing to show.</summary>
    /// <exception cref="RefusedException">It has not, or there is none.</exception>
    public static async Task<RunEntry> SucceededRunAsync(this ArenaServices arena, string name, CancellationToken cancel)
    {
        var run = await arena.RunAsync(name, cancel);
        if (run.State != RunState.Succeeded.Name) throw new RefusedException($"Run {run.Id} has not succeeded: it is {run.State}.");
        return run;
    }

    private static string List(string what, IEnumerable<string> names)
    {
        var all = names.ToList();
        return all.Count == 0 ? "there are none yet" : $"{what}: {string.Join(", ", all.Take(MaxListed))}{(all.Count > MaxListed ? ", …" : "")}";
    }
}

using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Baselines;
using LoraArena.Data.Predictions;
using LoraArena.Runs;

namespace LoraArena.Cli.Running;

/// <summary>A run or a baseline with what it says about the validation rows.</summary>
/// <param name="Id">Id of the run, or of the baseline.</param>
/// <param name="Name">What to call it.</param>
/// <param name="Predictions">One a validation row.</param>
internal sealed record ComparedRun(string Id, string Name, IReadOnlyList<Prediction> Predictions)
{
    /// <summary>Opens runs and baselines that were scored on the same rows.</summary>
    /// <param name="arena">The arena.</param>
    /// <param name="names">Runs, at least one, and ids of baselines.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="RefusedException">
    /// A run is not there, has not succeeded, is there twice or was scored on other rows; or there is no run among them.
    /// </exception>
    public static async Task<IReadOnlyList<ComparedRun>> OpenAsync(ArenaServices arena, IReadOnlyList<string> names, CancellationToken cancel)
    {
        var specs = new Dictionary<string, RunSpec>(StringComparer.Ordinal);
        foreach (var name in names.Where(name => BaselineOf(name) is null))
        {
            var run = await arena.SucceededRunAsync(name, cancel);
            specs.Add(name, RunSpec.Read(arena.Folder.Run(run.Id).Spec));
        }

        var first = specs.Values.FirstOrDefault()
            ?? throw new RefusedException("Name at least one run: baselines alone say nothing about the rows to compare on.");
        if (specs.Values.FirstOrDefault(spec => Rows(spec) != Rows(first)) is { } other)
        {
            throw new RefusedException($"Runs {first.Run} and {other.Run} were scored on different rows ({Describe(first)}; {Describe(other)}), so they cannot be compared.");
        }

        var compared = names.Select(name => BaselineOf(name) is { } baseline ? OfBaseline(arena, first, baseline, cancel) : OfRun(arena, specs[name])).ToList();
        if (compared.GroupBy(run => run.Id, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new RefusedException($"'{twice.Key}' is named twice.");
        }

        return compared;
    }

    private static Baseline? BaselineOf(string name) => BaselineCatalog.All.FirstOrDefault(baseline => baseline.Id == name);

    private static ComparedRun OfRun(ArenaServices arena, RunSpec spec)
        => new(spec.Run, spec.Name, [.. PredictionFile.Read(arena.Folder.Run(spec.Run).ValidationPredictions)]);

    private static ComparedRun OfBaseline(ArenaServices arena, RunSpec run, Baseline baseline, CancellationToken cancel)
    {
        if (arena.Library.Get(run.Competition.Id).File(FileRole.Train)?.Sha256 != run.Data.Train)
        {
            throw new RefusedException($"The training data of '{run.Competition.Name}' has changed since run {run.Run}, so the baselines are scored on other rows.");
        }

        arena.Library.EvaluateBaselines(run.Competition.Id, run.Split.Id, run.Split.Fold, cancel);
        return new ComparedRun(baseline.Id, baseline.Name, [.. arena.Library.ReadBaseline(run.Competition.Id, run.Split.Id, run.Split.Fold, baseline.Id)]);
    }

    private static (string, string, string) Rows(RunSpec spec) => (spec.Competition.Id, spec.Data.Train, RunIndex.SplitKey(spec.Split));

    private static string Describe(RunSpec spec)
        => $"{spec.Competition.Name}, {spec.Split.Name}{(spec.Split.Fold is { } fold ? FormattableString.Invariant($", fold {fold}") : "")}";
}

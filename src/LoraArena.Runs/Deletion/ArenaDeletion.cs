using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Runs.Trials;
using LoraArena.Storage;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Deletion;

/// <summary>
/// Deletes runs, data, models and competitions. What depends on a thing is asked for first, by a plan, so that pages and commands can name
/// it. A folder leaves its place by one rename before anything else happens: what is interrupted after that is finished by the next look at
/// the folders.
/// </summary>
public sealed class ArenaDeletion(ArenaFolder folder, ArenaStore store, TrialLibrary trials, TrialService trialService)
{
    private const int NamedRuns = 5;

    /// <summary>What goes with a run.</summary>
    /// <exception cref="RunRefusedException">There is no such run.</exception>
    public async Task<DeletionPlan> PlanRunAsync(string runId, CancellationToken cancel)
    {
        var run = await RequireRunAsync(runId, cancel);
        var refusal = MayGo(run) ? null : $"The run is {run.State}; stop it first.";
        string[] dependents = TrialOf(runId) is { } trial ? [$"trial {trial.Plan.Name} compares it with others; its line stays there, as deleted"] : [];
        return new DeletionPlan($"run {run.Id} ({run.Name}) with its predictions, adapter and checkpoints", dependents, Size(folder.Run(run.Id).Path), refusal);
    }

    /// <summary>Deletes a run.</summary>
    /// <exception cref="RunRefusedException">There is no such run, or it is being trained.</exception>
    public async Task DeleteRunAsync(string runId, CancellationToken cancel)
    {
        var run = await RequireRunAsync(runId, cancel);
        Refuse(await PlanRunAsync(runId, cancel));

        // The supervisor must not start it meanwhile.
        if (run.State == RunState.Queued.Name && !await store.TryUpdateAsync(run, r => r.State = RunState.Stopped.Name, cancel))
        {
            throw new RunRefusedException("The run has just been started; stop it first.");
        }

        if (TrialOf(run.Id) is { } trial) trials.MarkDeleted(trial.Id, run.Id);
        await RemoveAsync(folder.Run(run.Id).Path, () => store.RemoveRunAsync(run.Id, CancellationToken.None));
    }

    /// <summary>What depends on a base model.</summary>
    /// <exception cref="RunRefusedException">There is no such model.</exception>
    public async Task<DeletionPlan> PlanModelAsync(string modelId, CancellationToken cancel)
    {
        var model = await RequireModelAsync(modelId, cancel);
        var runs = (await store.RunsAsync(null, int.MaxValue, cancel)).Where(r => r.Model == model.Name).ToList();
        var (going, damaged) = await GoingAsync(null, t => t.ModelId == modelId, cancel);
        string[] dependents =
        [
            .. runs.Count == 0 ? [] : new[] { $"{Named(runs)} trained on it; results stay, but nothing new can be started from them" },
            .. going.Select(t => $"trial {t.Plan.Name} has not ended; what it has not started yet is not trained"),
            .. damaged,
        ];
        return new DeletionPlan($"model {model.Name} from the list; its folder {model.Path} stays as it is", dependents, 0, null);
    }

    /// <summary>Takes a base model off the list. Its folder stays as it is, and runs that used it keep their results.</summary>
    /// <exception cref="RunRefusedException">There is no such model.</exception>
    public async Task DeleteModelAsync(string modelId, CancellationToken cancel)
    {
        var model = await RequireModelAsync(modelId, cancel);
        File.Delete(folder.ModelCard(model.Id));
        await store.RemoveModelAsync(model.Id, cancel);
    }

    /// <summary>What depends on a competition: its runs, which go with it.</summary>
    /// <exception cref="RunRefusedException">There is no such competition.</exception>
    public async Task<DeletionPlan> PlanCompetitionAsync(string competitionId, CancellationToken cancel)
    {
        var runs = await store.RunsAsync(competitionId, int.MaxValue, cancel);
        var competition = await FindAsync(competitionId, cancel);
        if (competition is null && !Directory.Exists(folder.Competition(competitionId))) throw new RunRefusedException("There is no such competition.");
        var busy = runs.Where(r => !MayGo(r)).ToList();
        var refusal = busy.Count == 0 ? null : $"{Named(busy)} not ended yet; stop them first.";
        var bytes = Size(folder.Competition(competitionId)) + runs.Sum(r => Size(folder.Run(r.Id).Path)) + Unshared(competition, runs).Sum(sha => Size(folder.Dataset(sha)));
        var compared = trials.List(competitionId).Count;
        string[] dependents =
        [
            .. runs.Count == 0 ? [] : new[] { $"{Named(runs)} in it; they are deleted with it" },
            .. compared == 0 ? [] : new[] { compared == 1
                ? "1 trial is deleted with it"
                : FormattableString.Invariant($"{compared} trials are deleted with it") },
        ];
        return new DeletionPlan($"competition {competition?.Name ?? competitionId} with its files, splits and baselines", dependents, bytes, refusal);
    }

    /// <summary>Deletes a competition with its runs, and its files where no other competition has them.</summary>
    /// <exception cref="RunRefusedException">There is no such competition, or a run of it has not ended.</exception>
    public async Task DeleteCompetitionAsync(string competitionId, CancellationToken cancel)
    {
        Refuse(await PlanCompetitionAsync(competitionId, cancel));
        var competition = await FindAsync(competitionId, cancel);

        // Trials first, or they would start other runs.
        foreach (var trial in trials.List(competitionId)) await RemoveAsync(folder.Trial(trial.Id), () => Task.CompletedTask);
        foreach (var run in await store.RunsAsync(competitionId, int.MaxValue, cancel)) await DeleteRunAsync(run.Id, cancel);
        await RemoveAsync(folder.Competition(competitionId), () => store.RemoveCompetitionAsync(competitionId, CancellationToken.None));
        foreach (var sha in competition is null ? [] : FilesOf(competition)) RemoveDataset(sha);
    }

    /// <summary>What depends on a file of a competition.</summary>
    /// <exception cref="RunRefusedException">There is no such competition or file.</exception>
    public async Task<DeletionPlan> PlanDataAsync(string competitionId, FileRole role, CancellationToken cancel)
    {
        var (competition, file) = Require(competitionId, role);
        var runs = (await store.RunsAsync(competitionId, int.MaxValue, cancel)).Where(r => Uses(r, file.Sha256)).ToList();
        var busy = runs.Where(r => !MayGo(r)).ToList();
        var (going, damaged) = await GoingAsync(competitionId, _ => true, cancel);
        var refusal = busy.Count > 0 ? $"{Named(busy)} not ended yet and read it; stop them first."
            : going.Count > 0 && role != FileRole.Sample ? $"Trial {going[0].Plan.Name} has not ended yet and reads it; cancel it first." : null;
        var kept = IsShared(file.Sha256, competitionId) || runs.Count > 0;
        string[] used = runs.Count == 0 ? [] : [role switch
        {
            FileRole.Train => $"{Named(runs)} trained and scored on it; they keep results and data, but no other run is compared with them",
            _ => $"{Named(runs)} made with it; they keep what they predicted",
        }];
        string[] dependents = [.. used, .. damaged];
        return new DeletionPlan(
            $"{file.Name} ({role.ToString().ToLowerInvariant()} data) from competition {competition.Name}", dependents,
            kept ? 0 : Size(folder.Dataset(file.Sha256)), refusal);
    }

    /// <summary>Takes a file out of a competition. Its bytes go too, where neither a run nor another competition needs them.</summary>
    /// <exception cref="RunRefusedException">There is no such competition or file, or a run that reads it has not ended.</exception>
    public async Task DeleteDataAsync(string competitionId, FileRole role, CancellationToken cancel)
    {
        Refuse(await PlanDataAsync(competitionId, role, cancel));

        // The lock that imports take too, so that none of two changes is lost.
        using var held = await FileLock.TakeAsync(Path.Join(folder.Competition(competitionId), "competition.lock"), cancel);
        var (competition, file) = Require(competitionId, role);
        var changed = competition with
        {
            Files = [.. competition.Files.Where(other => other.Role != role)],
            DefaultSplit = role == FileRole.Train ? null : competition.DefaultSplit,
        };
        AtomicFile.WriteJson(CompetitionPath(competitionId), changed);
        await store.PutAsync(changed, cancel);
        RemoveDataset(file.Sha256);
    }

    // From its own file; where that is damaged, as the index remembers it.
    private async Task<Competition?> FindAsync(string competitionId, CancellationToken cancel)
    {
        try
        {
            if (JsonFile.TryRead<Competition>(CompetitionPath(competitionId)) is { } competition) return competition;
        }
        catch (JsonFileException)
        {
            // A damaged competition can be deleted too.
        }

        return await store.CompetitionAsync(competitionId, cancel);
    }

    private static bool MayGo(RunEntry run) => RunState.Parse(run.State) is { IsFinal: true } || run.State == RunState.Queued.Name;

    private static void Refuse(DeletionPlan plan)
    {
        if (plan.Refusal is { } refusal) throw new RunRefusedException(refusal);
    }

    private static string Named(List<RunEntry> runs) => Named((IReadOnlyList<RunEntry>)runs);

    private static string Named(IReadOnlyList<RunEntry> runs)
    {
        var names = string.Join(", ", runs.Take(NamedRuns).Select(r => r.Name)) + (runs.Count > NamedRuns ? ", …" : "");
        return runs.Count == 1 ? $"1 run ({names}) is" : FormattableString.Invariant($"{runs.Count} runs ({names}) are");
    }

    // Out of its place by a rename, then out of the index, then byte by byte. What is left of the last is swept with old uploads.
    private async Task RemoveAsync(string path, Func<Task> removeFromIndex)
    {
        var gone = OutOfPlace(path);
        if (Directory.Exists(path)) Directory.Move(path, gone);
        await removeFromIndex();
        if (Directory.Exists(gone)) Directory.Delete(gone, recursive: true);
    }

    // Unless somebody needs it. An import of the same bytes may be on its way, which finds the data set there and then names it: it looks again once
    // it has, and so does this, so that one of the two sees the other.
    private void RemoveDataset(string sha)
    {
        var (path, gone) = (folder.Dataset(sha), OutOfPlace(folder.Dataset(sha)));
        if (!Directory.Exists(path) || IsNeeded(sha)) return;
        Directory.Move(path, gone);
        if (IsNeeded(sha) && !Directory.Exists(path)) Directory.Move(gone, path);
        if (Directory.Exists(gone)) Directory.Delete(gone, recursive: true);
    }

    private string OutOfPlace(string path) => Path.Join(folder.Uploads, Path.GetFileName(AtomicFile.TemporaryPath(path)));

    private bool IsNeeded(string sha) => IsShared(sha, except: null) || SpecsWith(sha).Any();

    // Files of a competition that go with it: no other competition has them, and no run of another.
    private List<string> Unshared(Competition? competition, IReadOnlyList<RunEntry> runs)
    {
        var own = runs.Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        return competition is null
            ? []
            : [.. FilesOf(competition)
                .Where(sha => !IsShared(sha, competition.Id) && !SpecsWith(sha).Any(id => !own.Contains(id)))];
    }

    // Those that others have taken the place of are its files too.
    private static IEnumerable<string> FilesOf(Competition competition)
        => competition.Files.Concat(competition.Earlier.Select(earlier => earlier.File)).Select(file => file.Sha256).Distinct();

    // By the text of the files, whatever field of them names it.
    private bool IsShared(string sha, string? except) => Directory.EnumerateDirectories(folder.Competitions)
        .Where(path => ArenaId.IsValid(Path.GetFileName(path)) && Path.GetFileName(path) != except)
        .Any(path => Mentions(Path.Join(path, "competition.json"), sha));

    private IEnumerable<string> SpecsWith(string sha) => Directory.EnumerateDirectories(folder.Runs).Select(path => Path.GetFileName(path)!)
        .Where(id => ArenaId.IsValid(id) && Mentions(folder.Run(id).Spec, sha));

    private Trial? TrialOf(string runId)
    {
        try
        {
            return JsonFile.TryRead<RunSpec>(folder.Run(runId).Spec)?.Trial is { } trial ? trials.TryRead(trial.Id) : null;
        }
        catch (JsonFileException)
        {
            // A damaged run can be deleted too.
            return null;
        }
    }

    // Of one that cannot be read nobody knows whether it has ended: it is named, and holds nothing up.
    private async Task<(List<Trial> Going, IReadOnlyList<string> Damaged)> GoingAsync(string? competitionId, Func<Trial, bool> which, CancellationToken cancel)
    {
        var (all, damaged) = await trialService.ListAsync(competitionId, cancel);
        return (
            [.. all.Where(status => !status.IsOver).Select(status => status.Trial).Where(which)],
            [.. damaged.Where(d => which(d.Trial)).Select(d => $"trial {d.Trial.Plan.Name} cannot be read, so it may not have ended: {d.Reason}")]);
    }

    private bool Uses(RunEntry run, string sha) => Mentions(folder.Run(run.Id).Spec, sha);

    private static bool Mentions(string path, string sha) => File.Exists(path) && File.ReadAllText(path).Contains(sha, StringComparison.Ordinal);

    private string CompetitionPath(string id) => Path.Join(folder.Competition(id), "competition.json");

    private (Competition Competition, CompetitionFile File) Require(string competitionId, FileRole role)
    {
        var competition = JsonFile.TryRead<Competition>(CompetitionPath(competitionId)) ?? throw new RunRefusedException("There is no such competition.");
        return (competition, competition.File(role) ?? throw new RunRefusedException($"Competition '{competition.Name}' has no {role.ToString().ToLowerInvariant()} data."));
    }

    private async Task<RunEntry> RequireRunAsync(string id, CancellationToken cancel)
        => await store.RunAsync(id, cancel) ?? throw new RunRefusedException("There is no such run.");

    private async Task<ModelCard> RequireModelAsync(string id, CancellationToken cancel)
        => (await store.ModelsAsync(cancel)).FirstOrDefault(m => m.Id == id) ?? throw new RunRefusedException("There is no such model.");

    private static long Size(string path)
        => Directory.Exists(path) ? new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) : 0;
}

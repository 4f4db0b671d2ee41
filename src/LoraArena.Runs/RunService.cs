using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Storage;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs;

/// <summary>What people ask for: start, stop and resume runs. Each is written down before it is answered.</summary>
public sealed class RunService(ArenaFolder folder, ArenaStore store, IndexSync index, RunIndex entries, WorkerCatalog worker, TimeProvider time)
{
    /// <summary>Queues a run.</summary>
    /// <param name="order">What is wanted.</param>
    /// <param name="cancel">Cancels before anything is written.</param>
    /// <returns>Its id.</returns>
    /// <exception cref="OptionException">
    /// An option does not exist or has a value that it cannot have, or that cannot work with this model on this host.
    /// </exception>
    /// <exception cref="RunRefusedException">
    /// The competition has no training data, or another than the order was made for, or there is no such variant.
    /// </exception>
    public async Task<string> StartAsync(RunOrder order, CancellationToken cancel)
    {
        var description = await worker.DescribeAsync(cancel);
        var variant = description.Variants.FirstOrDefault(v => v.Id == order.Variant.Id)
            ?? throw new RunRefusedException($"There is no variant '{order.Variant.Id}'; these are: {string.Join(", ", description.Variants.Select(v => v.Id))}.");
        OptionValues.Check(variant.Options, order.Variant.Options, $"variant {variant.Id}");
        OptionValues.Check(description.Training, TrainingJson(order.Training), "the training");
        var training = RunChecks.Check(order.Training, order.Model, description);
        var id = order.Id ?? ArenaId.New(time);
        var name = string.IsNullOrWhiteSpace(order.Name) ? await NameAsync(order, variant, description, cancel) : order.Name.Trim();

        // The lock that imports and deletions take: until the run is written down, its files stay those of the competition.
        using var held = await TakeAsync(order.Competition, cancel);
        var competition = Current(order.Competition);
        var spec = new RunSpec(
            id,
            time.GetUtcNow(),
            order.Owner,
            name,
            new CompetitionReference(competition.Id, competition.Name),
            new DataReference(competition.File(FileRole.Train)!.Sha256, competition.File(FileRole.Test)?.Sha256),
            order.Split,
            new ModelReference(order.Model.Id, order.Model.Name, order.Model.Path, order.Model.Inspection.Sha256),
            order.Variant,
            training)
        { Trial = order.Trial };
        var run = folder.Run(id);
        Directory.CreateDirectory(run.Path);
        spec.Write(run.Spec);
        await index.AddAsync(entries.EntryOf(spec, run), cancel);
        return id;
    }

    private async Task<IDisposable> TakeAsync(Competition competition, CancellationToken cancel)
    {
        try
        {
            return await FileLock.TakeAsync(Path.Join(folder.Competition(competition.Id), "competition.lock"), cancel);
        }
        catch (DirectoryNotFoundException)
        {
            throw new RunRefusedException($"The competition '{competition.Name}' was deleted.");
        }
    }

    // Whoever asks has looked at the competition earlier: a split of the train.csv that was there then does not fit another.
    private Competition Current(Competition seen)
    {
        var current = JsonFile.TryRead<Competition>(Path.Join(folder.Competition(seen.Id), "competition.json"))
            ?? throw new RunRefusedException($"The competition '{seen.Name}' was deleted.");
        if (current.File(FileRole.Train) is not { } train)
        {
            throw new RunRefusedException($"Competition '{current.Name}' has no training data yet; import its train.csv first.");
        }

        if (seen.File(FileRole.Train)?.Sha256 == train.Sha256) return current;
        throw new RunRefusedException(
            $"The train.csv of competition '{current.Name}' has just been replaced by {train.Name}; look at its splits and start the run again.");
    }

    /// <summary>Asks a run to stop. One that waits is stopped at once; one that trains, when its worker reads the request.</summary>
    /// <exception cref="RunRefusedException">It has ended already.</exception>
    public async Task StopAsync(string runId, StopWhen when, CancellationToken cancel)
    {
        var run = await RequireAsync(runId, cancel);
        var state = RunState.Parse(run.State);
        if (state.IsFinal) throw new RunRefusedException($"The run has ended already: {state}.");
        var runFolder = folder.Run(runId);
        new RunRequest(when).Write(runFolder);
        if (state != RunState.Queued) return;
        var result = new RunResult(RunState.Stopped, run.Attempt, time.GetUtcNow(), "Stopped before it began.", 0, null, null);
        if (await store.TryUpdateAsync(run, r => RunIndex.Apply(r, result), cancel)) result.Write(runFolder);
    }

    /// <summary>
    /// Queues a failed or stopped run again; it goes on from its last checkpoint. An interrupted one waits for its next attempt already: it
    /// is given as many attempts as a new one, and a request to stop is taken back.
    /// </summary>
    /// <exception cref="RunRefusedException">It has not ended, it has succeeded, or its spec.json is not the one that it began with.</exception>
    public async Task ResumeAsync(string runId, CancellationToken cancel)
    {
        var run = await RequireAsync(runId, cancel);
        var state = RunState.Parse(run.State);
        if (state.IsActive && run.Phase == Following.Reconciler.LostContact)
        {
            throw new RunRefusedException($"Contact with the run's worker on {run.Host} is lost; it may still be running there. Stop the run first, then resume it.");
        }

        if (state != RunState.Interrupted && !state.CanBecome(RunState.Queued))
        {
            throw new RunRefusedException($"Only a failed, stopped or interrupted run can be resumed; this one is {run.State}.");
        }

        var runFolder = folder.Run(runId);
        if (RunManifest.ChangedSpec(runFolder) is { } changed) throw new RunRefusedException(changed);
        if (state == RunState.Interrupted)
        {
            File.Delete(runFolder.Request);
            await store.TryUpdateAsync(run, r => r.AttemptsWithoutProgress = 0, cancel);
            return;
        }

        runFolder.Reopen();
        await store.TryUpdateAsync(
            run,
            r => (r.State, r.QueuedMs, r.Reason, r.EndedMs, r.Flag, r.AttemptsWithoutProgress) =
                (RunState.Queued.Name, time.GetUtcNow().ToUnixTimeMilliseconds(), null, null, null, 0),
            cancel);
    }

    private async Task<string> NameAsync(RunOrder order, VariantDescription variant, WorkerDescription description, CancellationToken cancel)
    {
        var taken = await store.RunNamesAsync(order.Competition.Id, cancel);
        return RunNames.Of(variant, order.Variant.Options, order.Training, description.Training, order.Model.Name, taken);
    }

    private async Task<RunEntry> RequireAsync(string runId, CancellationToken cancel)
        => await store.RunAsync(runId, cancel) ?? throw new RunRefusedException("There is no such run.");

    private static JsonObject TrainingJson(TrainingOptions training)
        => System.Text.Json.JsonSerializer.SerializeToNode(training, Core.Json.ArenaJson.Line)!.AsObject();
}

/// <summary>A run that somebody wants.</summary>
/// <param name="Competition">The competition.</param>
/// <param name="Split">Its rows.</param>
/// <param name="Model">The base model.</param>
/// <param name="Variant">The variant with its options.</param>
/// <param name="Training">The training.</param>
/// <param name="Owner">Account that asks.</param>
/// <param name="Name">What to call it; empty makes a name.</param>
public sealed record RunOrder(
    Competition Competition, SplitReference Split, ModelCard Model, VariantChoice Variant, TrainingOptions Training, string Owner,
    string? Name)
{
    /// <summary>The id that it is to have; null makes one.</summary>
    public string? Id { get; init; }

    /// <summary>The trial that it is one of.</summary>
    public TrialReference? Trial { get; init; }
}

/// <summary>What was asked for cannot be done; the message says why.</summary>
public sealed class RunRefusedException(string message) : Exception(message);

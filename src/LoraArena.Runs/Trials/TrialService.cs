using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Runs.Launching;
using LoraArena.Storage;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Trials;

/// <summary>Makes trials, says how they stand, moves them on and ends them.</summary>
public sealed class TrialService(TrialLibrary trials, ArenaFolder folder, ArenaStore store, RunService runs, WorkerCatalog worker, TimeProvider time)
{
    // The most that num_train_epochs can be.
    private const int MaxEpochs = 1000;

    /// <summary>Makes a trial: works out each method's setting for the budget, lays out every run, writes it down. Nothing is started yet.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="competition">Its competition.</param>
    /// <param name="model">Its base model.</param>
    /// <param name="parts">Its rows.</param>
    /// <param name="owner">Account that asks.</param>
    /// <param name="cancel">Gives up before anything is written.</param>
    /// <exception cref="TrialException">The plan cannot be followed.</exception>
    /// <exception cref="OptionException">An option does not exist or has a value that it cannot have.</exception>
    /// <exception cref="WorkerException">The worker cannot size a method.</exception>
    public async Task<Trial> CreateAsync(
        TrialPlan plan, Competition competition, ModelCard model, IReadOnlyList<TrialPart> parts, string owner, CancellationToken cancel)
    {
        plan.Check();
        var description = await worker.DescribeAsync(cancel);
        OptionValues.Check(description.Training, plan.Training, "training");
        RunChecks.Check(Training(plan), model, description);
        var train = competition.File(FileRole.Train)
            ?? throw new TrialException($"competition: '{competition.Name}' has no training data yet; import its train.csv first.");
        var methods = new List<ResolvedMethod>();
        foreach (var method in plan.Methods) methods.Add(await ResolveAsync(method, plan, model, description, cancel));
        if (methods.GroupBy(m => m.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new TrialException($"methods: two are called '{twice.Key}'; give them names.");
        }

        var all = TrialPlanner.WithNullLine(methods);
        var trial = new Trial(
            ArenaId.New(time), time.GetUtcNow(), owner, plan, new CompetitionReference(competition.Id, competition.Name), model.Id, all,
            parts, TrialPlanner.Runs(plan, all, parts.Count, time))
        { Data = new DataReference(train.Sha256, competition.File(FileRole.Test)?.Sha256) };
        trials.Add(trial);
        return trial;
    }

    /// <summary>How a trial stands; null where there is none.</summary>
    public async Task<TrialStatus?> StatusAsync(string id, CancellationToken cancel)
    {
        if (trials.TryRead(id) is not { } trial) return null;
        var entries = (await store.RunsByIdAsync([.. trial.Runs.Select(r => r.Run)], cancel)).ToDictionary(r => r.Id, StringComparer.Ordinal);
        var (chosen, cancelled) = (trials.ReadChosen(id), trials.IsCancelled(id));
        var deleted = trials.DeletedRuns(id);
        var lines = trial.Runs.Select(r => Line(trial, r, entries.GetValueOrDefault(r.Run), deleted, chosen, cancelled)).ToList();
        if (lines.Any(l => l.State == TrialStatus.Planned) && await MissingAsync(trial, cancel) is { } missing)
        {
            lines = [.. lines.Select(l => l.State == TrialStatus.Planned ? l with { State = TrialStatus.NotRun, Reason = missing } : l)];
        }

        return new TrialStatus(trial, lines, chosen, cancelled);
    }

    /// <summary>How the trials of a competition stand that have runs in the queue or at work, the newest first. A damaged one is left out.</summary>
    public async Task<IReadOnlyList<TrialStatus>> ActiveAsync(string competitionId, CancellationToken cancel)
    {
        var active = (await store.ActiveAsync(cancel))
            .Concat(await store.QueuedAsync(cancel))
            .Where(run => run.CompetitionId == competitionId)
            .Select(run => run.Id)
            .ToHashSet(StringComparer.Ordinal);
        var found = new List<TrialStatus>();
        if (active.Count == 0) return found;
        foreach (var trial in trials.List(competitionId).Where(trial => trial.Runs.Any(run => active.Contains(run.Run))))
        {
            try
            {
                if (await StatusAsync(trial.Id, cancel) is { IsOver: false } status) found.Add(status);
            }
            catch (JsonFileException)
            {
                // The supervisor names it.
            }
        }

        return found;
    }

    /// <summary>How the trials of a competition stand, the newest first, and of those that cannot be read what is wrong with them.</summary>
    /// <param name="competitionId">Only those of one competition; null takes all.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<(IReadOnlyList<TrialStatus> Trials, IReadOnlyList<DamagedTrial> Damaged)> ListAsync(string? competitionId, CancellationToken cancel)
    {
        var (found, damaged) = (new List<TrialStatus>(), new List<DamagedTrial>());
        foreach (var trial in await Task.Run(() => trials.List(competitionId), cancel))
        {
            try
            {
                if (await StatusAsync(trial.Id, cancel) is { } status) found.Add(status);
            }
            catch (Exception error) when (error is JsonFileException or IOException or UnauthorizedAccessException)
            {
                damaged.Add(new DamagedTrial(trial, error.Message));
            }
        }

        return (found, damaged);
    }

    // What a trial needs and somebody has deleted, or changed.
    private async Task<string?> MissingAsync(Trial trial, CancellationToken cancel)
    {
        if ((await store.ModelsAsync(cancel)).All(m => m.Id != trial.ModelId)) return $"The base model '{trial.Plan.Model}' was deleted.";
        if (await store.CompetitionAsync(trial.Competition.Id, cancel) is not { } competition) return $"The competition '{trial.Competition.Name}' was deleted.";
        return TrainOf(trial) is not { } train || competition.File(FileRole.Train)?.Sha256 == train
            ? null
            : "The training data was replaced after the trial began: what is trained on other rows cannot be compared.";
    }

    // A trial from before its data was kept has the data of its runs.
    private string? TrainOf(Trial trial)
        => trial.Data?.Train ?? (trial.Runs.Select(r => folder.Run(r.Run).Spec).FirstOrDefault(File.Exists) is { } begun ? RunSpec.Read(begun).Data.Train : null);

    /// <summary>
    /// Moves a trial on: starts what can be started, chooses learning rates once all tries have ended. May be called at any time, again and
    /// again, by one process.
    /// </summary>
    /// <returns>How it stands then; null where there is no such trial.</returns>
    public async Task<TrialStatus?> AdvanceAsync(string id, CancellationToken cancel)
    {
        if (await StatusAsync(id, cancel) is not { } status || status.IsOver) return await StatusAsync(id, cancel);
        var trial = status.Trial;
        var tries = status.Lines.Where(l => l.Planned.IsTuning).ToList();
        if (tries.Count > 0 && status.Chosen is null && tries.All(l => l.IsOver))
        {
            trials.WriteChosen(id, Choose(tries));
            status = (await StatusAsync(id, cancel))!;
        }

        if (status.IsCancelled) return status;
        var model = (await store.ModelsAsync(cancel)).FirstOrDefault(m => m.Id == trial.ModelId);
        var competition = await store.CompetitionAsync(trial.Competition.Id, cancel);
        foreach (var line in status.Lines.Where(l => l.State == TrialStatus.Planned && (l.Planned.IsTuning || tries.Count == 0 || status.Chosen is not null)))
        {
            if (trials.IsCancelled(id)) break;
            if (model is null || competition is null || File.Exists(folder.Run(line.Planned.Run).Spec)) continue;
            await runs.StartAsync(Order(trial, line.Planned, status.Chosen, competition, model), cancel);

            // Whoever cancels writes that down first and then looks for runs to stop: one of the two sees the other.
            if (trials.IsCancelled(id)) await StopAsync(line.Planned.Run, cancel);
        }

        return await StatusAsync(id, cancel);
    }

    /// <summary>Ends a trial: nothing more of it is started, and its runs are stopped.</summary>
    public async Task CancelAsync(string id, string by, CancellationToken cancel)
    {
        if (await StatusAsync(id, cancel) is not { } status) throw new RunRefusedException("There is no such trial.");
        if (status.IsOver) throw new RunRefusedException("The trial has ended already.");
        trials.Cancel(id, by, time.GetUtcNow());
        status = (await StatusAsync(id, cancel))!;
        foreach (var line in status.Lines.Where(l => l.Run is not null && !l.IsOver)) await StopAsync(line.Planned.Run, cancel);
    }

    private async Task StopAsync(string run, CancellationToken cancel)
    {
        try
        {
            await runs.StopAsync(run, StopWhen.Now, cancel);
        }
        catch (RunRefusedException)
        {
            // It has ended by itself meanwhile.
        }
    }

    private static async Task<ResolvedMethod> ResolveAsync(
        TrialMethod method, TrialPlan plan, ModelCard model, WorkerDescription description, CancellationToken cancel)
    {
        var variant = description.Variants.FirstOrDefault(v => v.Id == method.Variant)
            ?? throw new TrialException($"methods: there is no variant '{method.Variant}'; these are: {string.Join(", ", description.Variants.Select(v => v.Id))}.");
        OptionValues.Check(variant.Options, method.Options, $"variant {variant.Id}");
        if (plan.Budget.Parameters is not null && variant.SizeOption is null && !method.OutsideBudget)
        {
            throw new TrialException($"methods: no setting of {variant.Name} meets a budget of parameters: what it trains follows from the model. \"outside_budget\": true trains it as it is, beside the others.");
        }

        var size = await WorkerCatalog.SizeAsync(
            model.Path, new VariantChoice(variant.Id, method.Options), method.OutsideBudget ? null : plan.Budget.Parameters, cancel);
        var name = method.Name ?? string.Join(
            ' ',
            [variant.Name, .. method.Options.Select(o => MethodSettings.Text(KeyValuePair.Create(o.Key, o.Value?.ToJsonString() ?? "none")))]);
        return new ResolvedMethod(name, variant.Id, size.Options.DeepClone().AsObject(), size.Parameters, false)
        {
            OutsideBudget = method.OutsideBudget,
            LearningRate = plan.Training.ContainsKey("learning_rate") ? null : variant.DefaultTraining().LearningRate,
            LearningRates = method.LearningRates,
        };
    }

    private static TrialLine Line(Trial trial, PlannedRun planned, RunEntry? run, IReadOnlySet<string> deleted, ChosenRates? chosen, bool cancelled)
    {
        if (run is not null) return new TrialLine(planned, run.State, run.Reason, run);
        if (deleted.Contains(planned.Run)) return new TrialLine(planned, TrialStatus.Deleted, "The run was deleted.", null);
        if (cancelled) return new TrialLine(planned, TrialStatus.NotRun, "The trial was cancelled before it began.", null);
        var rate = chosen?.Choices.FirstOrDefault(c => c.Method == TrialPlanner.TwinOf(trial.Methods, planned.Method) && c.Part == planned.Part);
        return !planned.IsTuning && rate is { LearningRate: null }
            ? new TrialLine(planned, TrialStatus.NotRun, "No try of a learning rate succeeded.", null)
            : new TrialLine(planned, TrialStatus.Planned, null, null);
    }

    private static ChosenRates Choose(List<TrialLine> tries) => new([.. tries.GroupBy(l => (l.Planned.Method, l.Planned.Part)).Select(g =>
    {
        var all = g.Select(l => new RateTry(l.Planned.LearningRate!.Value, l.State == RunState.Succeeded.Name ? l.Run!.LogLoss : null)).ToList();
        var best = all.Where(t => t.LogLoss is { } loss && double.IsFinite(loss)).MinBy(t => t.LogLoss);
        return new ChosenRate(g.Key.Method, g.Key.Part, best?.LearningRate, all);
    })]);

    // What all runs share. A budget of seconds or tokens decides the length by itself, unless the plan sets a limit beside it.
    private static TrainingOptions Training(TrialPlan plan)
    {
        var options = JsonSerializer.SerializeToNode(new TrainingOptions(), ArenaJson.Line)!.AsObject();
        if (plan.Budget.Parameters is null) options["num_train_epochs"] = MaxEpochs;
        if (plan.Budget.Seconds is { } seconds) options["max_seconds"] = seconds;
        if (plan.Budget.Tokens is { } tokens) options["max_tokens"] = tokens;
        foreach (var (key, value) in plan.Training) options[key] = value?.DeepClone();
        return options.Deserialize<TrainingOptions>(ArenaJson.Line)!;
    }

    private static RunOrder Order(Trial trial, PlannedRun planned, ChosenRates? chosen, Competition competition, ModelCard model)
    {
        var (plan, method, part) = (trial.Plan, trial.Methods[planned.Method], trial.Parts[planned.Part]);
        var rate = planned.LearningRate
            ?? chosen?.Choices.First(c => c.Method == TrialPlanner.TwinOf(trial.Methods, planned.Method) && c.Part == planned.Part).LearningRate;
        var training = Training(plan) with { Seed = planned.Seed };
        if ((rate ?? method.LearningRate) is { } chosenRate) training = training with { LearningRate = chosenRate };
        var name = FormattableString.Invariant($"{plan.Name}: {method.Name}, {(planned.IsTuning ? $"try lr={planned.LearningRate:0.######}" : $"seed {planned.Seed}")}{(trial.Parts.Count > 1 ? $", fold {part.Report.Fold}" : "")}");
        return new RunOrder(
            competition, planned.IsTuning ? part.Tuning! : part.Report, model,
            new VariantChoice(method.Variant, method.Options.DeepClone().AsObject()), training,
            trial.Owner, name)
        {
            Id = planned.Run,
            Trial = new TrialReference(trial.Id, method.Name, planned.IsTuning),
        };
    }
}

/// <summary>A trial of which nobody can say how it stands.</summary>
/// <param name="Trial">The trial.</param>
/// <param name="Reason">Which of its files cannot be read, and why.</param>
public sealed record DamagedTrial(Trial Trial, string Reason);

using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Data.Competitions;
using LoraArena.Data.Splits;
using LoraArena.Runs.Deletion;
using LoraArena.Runs.Trials;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests.Trials;

/// <summary>A trial from plan to end, on the real worker's sizes; how its runs end is decided here, so that nothing is trained.</summary>
public sealed class TrialServiceTests
{
    private static TrialPlan Plan
        => new("Small trial", "Small", "nano", [new TrialMethod("lora"), new TrialMethod("rslora")], new TrialBudget { Parameters = 80_000 })
        {
            Seeds = [0, 1],
            LearningRates = [0.001, 0.0001],
            Training = new JsonObject { ["max_steps"] = 2 },
        };

    [Fact]
    public async Task ATrial_TriesRatesOnRowsThatItDoesNotReport_ThenTrainsTheBest_AndKeepsARowForEveryRun()
    {
        await using var arena = await TestArena.CreateAsync();
        var service = arena.Get<TrialService>();
        var parts = new TuningSplits(arena.Get<CompetitionLibrary>()).Parts(arena.Competition, null, tuning: true, TestContext.Current.CancellationToken);
        var trial = await service.CreateAsync(Plan, arena.Competition, arena.Model, parts, "tester", CancellationToken.None);

        // No row that helps to choose is reported.
        var library = arena.Get<CompetitionLibrary>();
        var reported = library.ReadSplit(arena.Competition.Id, parts[0].Report.Id).Assign(null);
        var tuning = library.ReadSplit(arena.Competition.Id, parts[0].Tuning!.Id).Assign(null);
        Assert.Empty(reported.Validation.Intersect(tuning.Train.Concat(tuning.Validation)));
        Assert.Equal(reported.Train.Order(), tuning.Train.Concat(tuning.Validation).Order());

        // Both methods have the parameters of the budget, as near as a rank comes.
        Assert.All(trial.Methods, m => Assert.InRange(m.Parameters!.Value, 70_000, 90_000));
        Assert.Equal(trial.Methods[0].Parameters, trial.Methods[1].Parameters);

        // First the tries, and nothing else.
        var status = (await service.AdvanceAsync(trial.Id, CancellationToken.None))!;
        Assert.All(status.Lines, l => Assert.Equal(l.Planned.IsTuning ? "queued" : TrialStatus.Planned, l.State));
        Assert.Equal(4 + 6, status.Lines.Count);
        Assert.Equal([trial.Id], (await service.ActiveAsync(arena.Competition.Id, CancellationToken.None)).Select(active => active.Trial.Id));
        Assert.Empty(await service.ActiveAsync(ArenaId.New(TimeProvider.System), CancellationToken.None));

        // The smaller rate is the best for LoRA; no try of rsLoRA succeeds.
        foreach (var line in status.Lines.Where(l => l.Planned.IsTuning))
        {
            await EndAsync(arena, line, line.Planned.Method == 1 ? null : line.Planned.LearningRate < 0.0005 ? 0.9 : 1.0);
        }

        status = (await service.AdvanceAsync(trial.Id, CancellationToken.None))!;
        Assert.Equal([0.0001, null], status.Chosen!.Choices.OrderBy(c => c.Method).Select(c => c.LearningRate));
        Assert.All(status.Lines.Where(l => !l.Planned.IsTuning), l => Assert.Equal(l.Planned.Method == 1 ? TrialStatus.NotRun : "queued", l.State));
        var spec = RunSpec.Read(arena.Folder.Run(status.Lines.First(l => !l.Planned.IsTuning && l.Planned.Method == 2).Planned.Run).Spec);
        Assert.Equal(
            (0.0001, 1000, 2, trial.Id, "LoRA (other seeds)"),
            (spec.Training.LearningRate, spec.Training.Seed, spec.Training.MaxSteps, spec.Trial!.Id, spec.Trial.Method));
        Assert.Equal(parts[0].Report, spec.Split);

        // One is cancelled with the trial; what was not run stays in the list with its reason.
        var left = status.Lines.Where(l => l.State == "queued").ToList();
        foreach (var line in left.SkipLast(1)) await EndAsync(arena, line, 0.8);
        await service.CancelAsync(trial.Id, "tester", CancellationToken.None);
        status = (await service.AdvanceAsync(trial.Id, CancellationToken.None))!;
        Assert.True(status.IsOver);
        Assert.Empty(await service.ActiveAsync(arena.Competition.Id, CancellationToken.None));
        Assert.Equal("cancelled", status.State);
        Assert.Equal(10, status.Lines.Count);
        Assert.Equal(1, status.Lines.Count(l => l.State == "stopped"));
        await Assert.ThrowsAsync<RunRefusedException>(() => service.CancelAsync(trial.Id, "tester", CancellationToken.None));

        // A plan that names what is not there is refused before anything is written.
        await Assert.ThrowsAsync<TrialException>(() =>
            service.CreateAsync(
                Plan with { Methods = [new TrialMethod("nonsense")] }, arena.Competition, arena.Model, parts, "tester",
                CancellationToken.None));
        Assert.Single(arena.Get<TrialLibrary>().List());
    }

    [Fact]
    public async Task AMethodThatNoSettingBringsToTheBudget_IsTrainedOnlyWhereThePlanSaysSo_AtTheRateThatSuitsIt()
    {
        await using var arena = await TestArena.CreateAsync();
        var (service, cancel) = (arena.Get<TrialService>(), TestContext.Current.CancellationToken);
        var parts = new TuningSplits(arena.Get<CompetitionLibrary>()).Parts(arena.Competition, null, tuning: false, cancel);
        var plan = Plan with { LearningRates = [], Methods = [new TrialMethod("lora"), new TrialMethod("full")] };
        var refused = await Assert.ThrowsAsync<TrialException>(() => service.CreateAsync(plan, arena.Competition, arena.Model, parts, "tester", cancel));
        Assert.Contains("\"outside_budget\": true", refused.Message, StringComparison.Ordinal);

        plan = plan with { Methods = [plan.Methods[0], plan.Methods[1] with { OutsideBudget = true }] };
        var trial = await service.CreateAsync(plan, arena.Competition, arena.Model, parts, "tester", cancel);
        Assert.True(trial.Methods[1] is { OutsideBudget: true, Parameters: > 1_000_000 });
        Assert.False(trial.Methods[0].OutsideBudget);

        var lines = (await service.AdvanceAsync(trial.Id, cancel))!.Lines;
        double RateOf(int method) => RunSpec.Read(arena.Folder.Run(lines.First(l => l.Planned.Method == method).Planned.Run).Spec).Training.LearningRate;
        Assert.Equal(0.1, RateOf(1) / RateOf(0), 6);

        // It is found by its name and its whole id. Ids begin with the time, so that a beginning may be that of its runs as well.
        var library = arena.Get<TrialLibrary>();
        Assert.Equal([1, 1, 0, 0], new[] { "Small trial", trial.Id, trial.Id[..10], "nothing" }.Select(named => library.Find(named).Count));
    }

    [Fact]
    public void WhatIsToGo_IsToldFromTheSpeedSoFar()
    {
        var method = new ResolvedMethod("LoRA", "lora", [], 1, false);
        var runs = Enumerable.Range(0, 4).Select(i => new PlannedRun($"run{i}", 0, 0, i, null)).ToList();
        var trial = new Trial("t", DateTimeOffset.UnixEpoch, "tester", Plan, new CompetitionReference("c", "C"), "m", [method], [], runs);
        TrialStatus Status(params TrialLine[] lines) =>
            new(trial, [.. lines, .. runs.Skip(lines.Length).Select(r => new TrialLine(r, TrialStatus.Planned, null, null))], null, false);
        TrialLine Line(int run, string state, long steps) => new(runs[run], state, null, new()
        {
            Id = $"run{run}",
            Name = "",
            CompetitionId = "c",
            Owner = "",
            Model = "",
            Variant = "lora",
            SplitKey = "",
            Seed = run,
            State = state,
            CreatedMs = 0,
            QueuedMs = 0,
            AttemptMs = 1_000,
            Steps = 10,
            Step = steps,
        });
        var now = DateTimeOffset.FromUnixTimeMilliseconds(151_000);

        // A run and a half in 150 seconds: two and a half are left.
        Assert.Equal(
            "1 of 4 runs have ended, 1 trains; about 4 min to go at the speed so far.",
            TrialProgress.Sentence(Status(Line(0, "succeeded", 10), Line(1, "running", 5)), now));
        Assert.Equal("0 of 4 runs have ended, 1 trains.", TrialProgress.Sentence(Status(Line(0, "running", 5)), now));
        Assert.Equal("0 of 4 runs have ended.", TrialProgress.Sentence(Status(), now));
    }

    [Fact]
    public async Task ADeletedRunOfATrial_IsNotStartedAgain_AndWithoutItsModelOrCompetitionTheTrialEnds()
    {
        await using var arena = await TestArena.CreateAsync();
        var (service, deletion, cancel) = (arena.Get<TrialService>(), arena.Get<ArenaDeletion>(), TestContext.Current.CancellationToken);
        var parts = new TuningSplits(arena.Get<CompetitionLibrary>()).Parts(arena.Competition, null, tuning: true, cancel);
        var trial = await service.CreateAsync(Plan, arena.Competition, arena.Model, parts, "tester", cancel);
        var gone = (await service.AdvanceAsync(trial.Id, cancel))!.Lines.First(l => l.State == "queued").Planned.Run;

        // Whoever deletes it is told of the trial.
        Assert.Contains("trial Small trial", Assert.Single((await deletion.PlanRunAsync(gone, cancel)).Dependents), StringComparison.Ordinal);
        await deletion.DeleteRunAsync(gone, cancel);
        var status = (await service.AdvanceAsync(trial.Id, cancel))!;
        Assert.Equal(TrialStatus.Deleted, status.Lines.Single(l => l.Planned.Run == gone).State);
        Assert.Null(await arena.Store.RunAsync(gone, cancel));

        // Its data is not taken away under it; its model may be, and then what has not begun never will.
        Assert.NotNull((await deletion.PlanDataAsync(arena.Competition.Id, FileRole.Train, cancel)).Refusal);
        Assert.Contains((await deletion.PlanModelAsync(arena.Model.Id, cancel)).Dependents, d => d.StartsWith("trial Small trial", StringComparison.Ordinal));
        await deletion.DeleteModelAsync(arena.Model.Id, cancel);
        status = (await service.AdvanceAsync(trial.Id, cancel))!;
        Assert.All(
            status.Lines.Where(l => !l.Planned.IsTuning),
            l => Assert.Equal((TrialStatus.NotRun, "The base model 'nano' was deleted."), (l.State, l.Reason)));

        Assert.Contains(
            (await deletion.PlanCompetitionAsync(arena.Competition.Id, cancel)).Dependents,
            d => d.StartsWith("1 trial ", StringComparison.Ordinal));
        await deletion.DeleteCompetitionAsync(arena.Competition.Id, cancel);
        Assert.Empty(arena.Get<TrialLibrary>().List());
        Assert.Empty(await arena.Store.RunsAsync(null, 10, cancel));
    }

    [Fact]
    public async Task ATrialThatCannotGoOn_IsNamed_AndHoldsUpNoOther()
    {
        await using var arena = await TestArena.CreateAsync();
        var (service, cancel) = (arena.Get<TrialService>(), TestContext.Current.CancellationToken);
        var parts = new TuningSplits(arena.Get<CompetitionLibrary>()).Parts(arena.Competition, null, tuning: true, cancel);
        var plan = Plan with { Seeds = [0], LearningRates = [] };
        var broken = await service.CreateAsync(plan with { Name = "Broken" }, arena.Competition, arena.Model, parts, "tester", cancel);
        var whole = await service.CreateAsync(plan with { Name = "Whole" }, arena.Competition, arena.Model, parts, "tester", cancel);
        AtomicFile.WriteJson(
            Path.Join(arena.Folder.Trial(broken.Id), Trial.FileName),
            broken with { Methods = [broken.Methods[0] with { Variant = "gone" }, .. broken.Methods.Skip(1)] });

        await arena.Get<TrialLoop>().PassAsync(cancel);

        Assert.Contains("Trial 'Broken' cannot go on: There is no variant 'gone'", Assert.Single(arena.Get<ArenaProblems>().All), StringComparison.Ordinal);
        Assert.All((await service.StatusAsync(whole.Id, cancel))!.Lines, l => Assert.Equal("queued", l.State));

        // What was wrong is mended: the message goes, the trial goes on.
        AtomicFile.WriteJson(Path.Join(arena.Folder.Trial(broken.Id), Trial.FileName), broken);
        await arena.Get<TrialLoop>().PassAsync(cancel);
        Assert.Empty(arena.Get<ArenaProblems>().All);
        Assert.All((await service.StatusAsync(broken.Id, cancel))!.Lines, l => Assert.Equal("queued", l.State));
    }

    [Fact]
    public async Task ATrialWhoseFileIsDamaged_IsNamedInListsAndPlans_AndHoldsUpNoOther()
    {
        await using var arena = await TestArena.CreateAsync();
        var (service, deletion, cancel) = (arena.Get<TrialService>(), arena.Get<ArenaDeletion>(), TestContext.Current.CancellationToken);
        var parts = new TuningSplits(arena.Get<CompetitionLibrary>()).Parts(arena.Competition, null, tuning: true, cancel);
        var plan = Plan with { Seeds = [0], LearningRates = [] };
        var broken = await service.CreateAsync(plan with { Name = "Broken" }, arena.Competition, arena.Model, parts, "tester", cancel);
        var whole = await service.CreateAsync(plan with { Name = "Whole" }, arena.Competition, arena.Model, parts, "tester", cancel);
        AtomicFile.WriteText(Path.Join(arena.Folder.Trial(broken.Id), Trial.ChosenName), "{");

        var (listed, damaged) = await service.ListAsync(arena.Competition.Id, cancel);

        Assert.Equal(whole.Id, Assert.Single(listed).Trial.Id);
        Assert.Equal(broken.Id, Assert.Single(damaged).Trial.Id);
        Assert.Contains(Trial.ChosenName, damaged[0].Reason, StringComparison.Ordinal);
        var dependents = (await deletion.PlanModelAsync(arena.Model.Id, cancel)).Dependents;
        Assert.Equal(2, dependents.Count);
        Assert.StartsWith("trial Whole has not ended", dependents[0], StringComparison.Ordinal);
        Assert.StartsWith("trial Broken cannot be read, so it may not have ended", dependents[1], StringComparison.Ordinal);
        Assert.Contains("Trial Whole", (await deletion.PlanDataAsync(arena.Competition.Id, FileRole.Train, cancel)).Refusal!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADamagedTrial_IsNamedUntilItIsMended_AndThenGoesOn()
    {
        await using var arena = await TestArena.CreateAsync();
        var (service, cancel) = (arena.Get<TrialService>(), TestContext.Current.CancellationToken);
        var trial = await CreateAsync(arena, Plan with { Seeds = [0], LearningRates = [] });
        var path = Path.Join(arena.Folder.Trial(trial.Id), Trial.FileName);
        AtomicFile.WriteText(path, "{");
        var loop = arena.Get<TrialLoop>();
        await loop.PassAsync(cancel);
        Assert.Contains(path, Assert.Single(arena.Get<ArenaProblems>().All), StringComparison.Ordinal);

        // Taken away and put back again: a folder without its file is not over.
        File.Delete(path);
        await loop.PassAsync(cancel);
        AtomicFile.WriteJson(path, trial);
        await loop.PassAsync(cancel);
        Assert.Empty(arena.Get<ArenaProblems>().All);
        Assert.All((await service.StatusAsync(trial.Id, cancel))!.Lines, l => Assert.Equal("queued", l.State));
    }

    [Fact]
    public async Task OnOtherTrainingData_NothingMoreOfATrialIsStarted()
    {
        await using var arena = await TestArena.CreateAsync();
        var (service, cancel) = (arena.Get<TrialService>(), TestContext.Current.CancellationToken);
        var trial = await CreateAsync(arena, Plan, tuning: true);
        foreach (var line in (await service.AdvanceAsync(trial.Id, cancel))!.Lines.Where(l => l.Planned.IsTuning)) await EndAsync(arena, line, 0.9);
        await using (var other = new MemoryStream(Repository.FirstRows("train.csv", 70)))
        {
            await arena.Get<CompetitionLibrary>().ImportAsync(arena.Competition.Id, other, "train.csv", FileRole.Train, replace: true, cancellation: cancel);
        }

        await arena.Get<RunIndex>().CatchUpIfChangedAsync(cancel);
        var status = (await service.AdvanceAsync(trial.Id, cancel))!;
        Assert.True(status.IsOver);
        Assert.All(
            status.Lines.Where(l => !l.Planned.IsTuning),
            l => Assert.Equal((TrialStatus.NotRun, "The training data was replaced after the trial began: what is trained on other rows cannot be compared."), (l.State, l.Reason)));
    }

    [Fact]
    public async Task WhatThisHostOrModelDoesNotHave_IsRefusedBeforeTheTrialIsMade()
    {
        await using var arena = await TestArena.CreateAsync();
        foreach (var training in new JsonObject[] { new() { ["device"] = "cuda:7" }, new() { ["max_length"] = 100_000 } })
        {
            var error = await Assert.ThrowsAsync<OptionException>(() => CreateAsync(arena, Plan with { Training = training }));
            Assert.Contains(training.Single().Key, error.Message, StringComparison.Ordinal);
        }

        Assert.Empty(arena.Get<TrialLibrary>().Ids());
    }

    [Fact]
    public async Task ABudgetOfSecondsOrTokens_DecidesHowLongRunsTrain_UnlessThePlanSetsALimitBesideIt()
    {
        await using var arena = await TestArena.CreateAsync();
        var plan = Plan with { Seeds = [0], LearningRates = [], Training = [] };
        async Task<TrainingOptions> TrainingOfAsync(TrialPlan of)
        {
            var trial = await CreateAsync(arena, of);
            await arena.Get<TrialService>().AdvanceAsync(trial.Id, CancellationToken.None);
            return RunSpec.Read(arena.Folder.Run(trial.Runs[0].Run).Spec).Training;
        }

        Assert.Equal(
            [(1000, null, 60, null), (1000, null, null, 5000), (2, 1, null, 5000), (2, null, null, null)],
            new[]
            {
                await TrainingOfAsync(plan with { Budget = new TrialBudget { Seconds = 60 } }),
                await TrainingOfAsync(plan with { Budget = new TrialBudget { Tokens = 5000 } }),
                await TrainingOfAsync(plan with { Budget = new TrialBudget { Tokens = 5000 }, Training = new() { ["num_train_epochs"] = 2, ["max_steps"] = 1 } }),
                await TrainingOfAsync(plan),
            }.Select(training => (training.NumTrainEpochs, training.MaxSteps, training.MaxSeconds, training.MaxTokens)));
    }

    private static async Task<Trial> CreateAsync(TestArena arena, TrialPlan plan, bool tuning = false)
    {
        var parts = new TuningSplits(arena.Get<CompetitionLibrary>()).Parts(arena.Competition, null, tuning, CancellationToken.None);
        return await arena.Get<TrialService>().CreateAsync(plan, arena.Competition, arena.Model, parts, "tester", CancellationToken.None);
    }

    private static async Task EndAsync(TestArena arena, TrialLine line, double? logLoss)
        => Assert.True(await arena.Store.TryUpdateAsync(
            (await arena.Store.RunAsync(line.Planned.Run))!,
            r => (r.State, r.LogLoss, r.Reason) = (logLoss is null ? "failed" : "succeeded", logLoss, logLoss is null ? "It diverged." : null)));
}

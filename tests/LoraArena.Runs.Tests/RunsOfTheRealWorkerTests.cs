using LoraArena.Core.Files;
using LoraArena.Core.Journal;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Runs.Tests;

/// <summary>Whole runs: queue, launcher, worker process, journal, index.</summary>
public sealed class RunsOfTheRealWorkerTests : IAsyncLifetime
{
    private static readonly TrainingOptions Short = new() { MaxSteps = 6, BatchSize = 4, MaxLength = 48 };
    private TestArena _arena = null!;

    public async ValueTask InitializeAsync() => _arena = await TestArena.CreateAsync();

    public ValueTask DisposeAsync() => _arena.DisposeAsync();

    [Fact]
    public async Task ARun_LeavesEverythingItPromises()
    {
        var id = await _arena.StartAsync(Short);
        var entry = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal);

        Assert.Equal("succeeded", entry.State);
        Assert.InRange(entry.LogLoss!.Value, 0.5, 2);
        Assert.InRange(entry.LogLoss!.Value, entry.LogLossLow!.Value, entry.LogLossHigh!.Value);
        Assert.True(entry is { Accuracy: > 0, TokensPerSecond: > 0, PeakMemoryBytes: > 1 << 20, TrainableParameters: > 1000 });
        var run = _arena.Folder.Run(id);
        foreach (var file in new[] { run.Spec, run.Manifest, run.Journal, run.Result, run.ValidationPredictions, run.TestPredictions, Path.Join(run.Adapter, "adapter_config.json"), Path.Join(run.Adapter, "adapter_model.safetensors") })
        {
            Assert.True(File.Exists(file), file);
        }

        Assert.False(Directory.Exists(run.Checkpoints), "The checkpoints of a run that has succeeded are left behind.");
        var history = RunHistory.Read(run);
        Assert.Equal(Enumerable.Range(1, 6).Select(i => (long)i), history.Steps.Select(s => s.Step));
        Assert.Equal(entry.LogLoss, history.Evals[^1].Scores.LogLoss);
        var manifest = JsonFile.Read<RunManifest>(run.Manifest);
        Assert.Equal(RunSpec.Fingerprint(run.Spec), manifest.Fingerprint);
        Assert.Equal(WorkerAllocator.Find() is { } allocator && allocator.Contains("tcmalloc", StringComparison.Ordinal) ? "tcmalloc" : "system", manifest.Allocator);
        Assert.Equal(11, File.ReadAllLines(run.TestPredictions).Length);
    }

    [Fact]
    public async Task AQueuedRun_IsStoppedBeforeItBegins()
    {
        var id = await _arena.StartAsync(Short);
        await _arena.Get<RunService>().StopAsync(id, StopWhen.Now, CancellationToken.None);
        var entry = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal);
        Assert.Equal("stopped", entry.State);
        Assert.Equal(0, entry.Attempt);
    }

    [Fact]
    public async Task AStoppedRun_GoesOnFromItsCheckpoint()
    {
        var id = await _arena.StartAsync(Short with { MaxSteps = 100_000 });
        await _arena.SuperviseAsync(id, r => r.Step >= 2);
        await _arena.Get<RunService>().StopAsync(id, StopWhen.AfterCheckpoint, CancellationToken.None);
        var stopped = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal);
        Assert.Equal("stopped", stopped.State);
        var run = _arena.Folder.Run(id);

        // On a slow machine one that is due by time may have come before the one of the stop.
        var checkpoint = run.CheckpointSteps().Max();

        // A spec that was changed meanwhile is another run's.
        var spec = await File.ReadAllBytesAsync(run.Spec, TestContext.Current.CancellationToken);
        AtomicFile.WriteText(run.Spec, System.Text.Encoding.UTF8.GetString(spec).Replace("\"batch_size\": 4", "\"batch_size\": 5", StringComparison.Ordinal));
        var refused = await Assert.ThrowsAsync<RunRefusedException>(() => _arena.Get<RunService>().ResumeAsync(id, CancellationToken.None));
        Assert.Contains("was changed after attempt 1", refused.Message, StringComparison.Ordinal);
        await File.WriteAllBytesAsync(run.Spec, spec, TestContext.Current.CancellationToken);

        await _arena.Get<RunService>().ResumeAsync(id, CancellationToken.None);
        await _arena.SuperviseAsync(id, r => r.Attempt == 2 && r.Step > checkpoint);
        var history = RunHistory.Read(run);
        Assert.Equal(Enumerable.Range(1, history.Steps.Count).Select(i => (long)i), history.Steps.Select(s => s.Step));
        Assert.True(File.Exists(Path.Join(run.Attempt(1), "result.json")));
    }

    [Fact]
    public async Task ACancelledRun_EndsSoon_AndIsNotResumedByItself()
    {
        var id = await _arena.StartAsync(Short with { MaxSteps = 100_000 });
        await _arena.SuperviseAsync(id, r => r.Step >= 1);
        await _arena.Get<RunService>().StopAsync(id, StopWhen.Now, CancellationToken.None);
        var entry = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal, TimeSpan.FromMinutes(10));
        Assert.Equal("stopped", entry.State);
        Assert.Equal(1, entry.Attempt);
    }

    [Fact]
    public async Task ARunThatCannotWork_FailsWithASentence()
    {
        // The model's folder changes after it was registered.
        var copy = Directory.CreateDirectory(Path.Join(_arena.Folder.Root, "copy")).FullName;
        foreach (var file in Directory.EnumerateFiles(Repository.NanoModel)) File.Copy(file, Path.Join(copy, Path.GetFileName(file)));
        var model = await _arena.Get<ModelRegistry>().AddAsync(copy, "copy", CancellationToken.None);
        var id = await _arena.Get<RunService>().StartAsync(
            new RunOrder(_arena.Competition, SplitOf(), model, new VariantChoice("lora", []), Short, "tester", null),
            CancellationToken.None);
        await File.AppendAllTextAsync(Path.Join(copy, "config.json"), "\n", TestContext.Current.CancellationToken);
        var entry = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal);
        Assert.Equal("failed", entry.State);
        Assert.Contains("not those that were registered", entry.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OptionsThatCannotBe_AreRefusedBeforeAnythingIsWritten()
    {
        async Task<string> Refused(VariantChoice variant, TrainingOptions training) => (await Assert.ThrowsAnyAsync<Exception>(() =>
            _arena.Get<RunService>().StartAsync(
                new RunOrder(_arena.Competition, SplitOf(), _arena.Model, variant, training, "tester", null),
                CancellationToken.None))).Message;

        Assert.Contains("'r' is 0", await Refused(new VariantChoice("lora", new() { ["r"] = 0 }), Short), StringComparison.Ordinal);
        Assert.Contains("no option 'rank'", await Refused(new VariantChoice("lora", new() { ["rank"] = 8 }), Short), StringComparison.Ordinal);
        Assert.Contains("no variant 'dorra'", await Refused(new VariantChoice("dorra", []), Short), StringComparison.Ordinal);
        Assert.Contains("this host has ", await Refused(new VariantChoice("lora", []), Short with { Device = "cuda:99" }), StringComparison.Ordinal);
        Assert.Contains("nano has 256 positions", await Refused(new VariantChoice("lora", []), Short with { MaxLength = 257 }), StringComparison.Ordinal);
        Assert.Contains("'batch_size' is 0", await Refused(new VariantChoice("lora", []), Short with { BatchSize = 0 }), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories(_arena.Folder.Runs));
    }

    [Fact]
    public async Task TheIndex_IsMadeAgainFromTheFolders()
    {
        var id = await _arena.StartAsync(Short with { MaxLength = new TrainingOptions().MaxLength, KeepCheckpoint = true });

        // More than the model has positions, by default: it fits itself to the model.
        Assert.Equal(256, RunSpec.Read(_arena.Folder.Run(id).Spec).Training.MaxLength);
        var before = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal);
        Assert.Single(_arena.Folder.Run(id).CheckpointSteps());
        await using (var db = await _arena.Get<IDbContextFactory<LoraArena.Storage.ArenaDb>>().CreateDbContextAsync(TestContext.Current.CancellationToken))
        {
            await db.Database.EnsureDeletedAsync(TestContext.Current.CancellationToken);
        }

        await LoraArena.Storage.ArenaDbSetup.MigrateAsync(_arena.Get<IDbContextFactory<LoraArena.Storage.ArenaDb>>(), CancellationToken.None);
        await _arena.Get<RunIndex>().CatchUpAsync(CancellationToken.None);
        var after = (await _arena.Store.RunAsync(id, TestContext.Current.CancellationToken))!;
        Assert.Equal(
            (before.State, before.LogLoss, before.Accuracy, before.Seconds, before.SplitKey, before.Owner),
            (after.State, after.LogLoss, after.Accuracy, after.Seconds, after.SplitKey, after.Owner));
        Assert.Equal("Small", Assert.Single(await _arena.Store.CompetitionsAsync(TestContext.Current.CancellationToken)).Name);
        Assert.Equal("nano", Assert.Single(await _arena.Store.ModelsAsync(TestContext.Current.CancellationToken)).Name);
    }

    [Theory]
    [InlineData("no/such/folder", "no folder")]
    [InlineData("data/competitions/starter", "config.json")]
    public async Task AFolderThatIsNoModel_IsRefusedWithTheReason(string path, string reason)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() =>
            _arena.Get<ModelRegistry>().AddAsync(Path.Join(Repository.Root, path), "x", CancellationToken.None));
        Assert.True(error is RunRefusedException or WorkerException { Refused: true });
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private SplitReference SplitOf() => new(_arena.Competition.DefaultSplit!, "hold-out", null);
}

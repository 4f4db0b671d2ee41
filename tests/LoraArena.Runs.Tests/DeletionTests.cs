using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Runs.Deletion;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests;

public sealed class DeletionTests : IAsyncLifetime
{
    private TestArena _arena = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ArenaDeletion Deletion => _arena.Get<ArenaDeletion>();

    public async ValueTask InitializeAsync() => _arena = await TestArena.CreateAsync();

    public ValueTask DisposeAsync() => _arena.DisposeAsync();

    [Fact]
    public async Task ARun_IsGoneFromDiskAndIndex_AndOneThatTrainsIsRefused()
    {
        var (run, busy) = (await QueueAsync(), await QueueAsync());
        await _arena.Store.TryBeginAttemptAsync((await _arena.Store.RunAsync(busy, Cancel))!, 0, Cancel);

        Assert.True((await Deletion.PlanRunAsync(run, Cancel)).Bytes > 0);
        await Deletion.DeleteRunAsync(run, Cancel);

        Assert.False(Directory.Exists(_arena.Folder.Run(run).Path));
        Assert.Null(await _arena.Store.RunAsync(run, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_arena.Folder.Uploads));
        Assert.Contains(
            "stop it first", (await Assert.ThrowsAsync<RunRefusedException>(() => Deletion.DeleteRunAsync(busy, Cancel))).Message,
            StringComparison.Ordinal);
        Assert.True(Directory.Exists(_arena.Folder.Run(busy).Path));

        // What the index forgot to forget, because the deletion was interrupted, goes at the next look.
        Directory.Delete(_arena.Folder.Run(busy).Path, recursive: true);
        await _arena.Get<RunIndex>().CatchUpIfChangedAsync(Cancel);
        Assert.Null(await _arena.Store.RunAsync(busy, Cancel));
    }

    [Fact]
    public async Task ACompetition_NamesItsRuns_AndTakesThemAndItsFilesAlong_ButNotThoseThatAnotherHas()
    {
        var run = await QueueAsync();
        var library = _arena.Get<CompetitionLibrary>();
        var other = await library.CreateAsync("Other", TestContext.Current.CancellationToken);
        await using (var file = new MemoryStream(Repository.FirstRows("test.csv", 10))) await library.ImportAsync(
            other.Id, file, "test.csv", FileRole.Test, cancellation: TestContext.Current.CancellationToken);
        var (train, test) = (_arena.Competition.File(FileRole.Train)!.Sha256, _arena.Competition.File(FileRole.Test)!.Sha256);

        var plan = await Deletion.PlanCompetitionAsync(_arena.Competition.Id, Cancel);
        Assert.Contains("1 run", Assert.Single(plan.Dependents), StringComparison.Ordinal);
        await Deletion.DeleteCompetitionAsync(_arena.Competition.Id, Cancel);

        Assert.Null(await _arena.Store.RunAsync(run, Cancel));
        Assert.Equal("Other", Assert.Single(library.List()).Name);
        Assert.Empty(await _arena.Store.CompetitionsAsync(Cancel));
        Assert.False(Directory.Exists(_arena.Folder.Dataset(train)));
        Assert.True(Directory.Exists(_arena.Folder.Dataset(test)));
    }

    [Fact]
    public async Task AFileThatIsImportedWhileItIsDeletedElsewhere_IsThereAfterwards()
    {
        var library = _arena.Get<CompetitionLibrary>();
        var bytes = Repository.FirstRows("test.csv", 30);
        for (var i = 0; i < 20; i++)
        {
            var old = await library.CreateAsync(FormattableString.Invariant($"Old {i}"), Cancel);
            await using (var file = new MemoryStream(bytes)) await library.ImportAsync(old.Id, file, "test.csv", FileRole.Test, cancellation: Cancel);
            var other = await library.CreateAsync(FormattableString.Invariant($"New {i}"), Cancel);
            await using var again = new MemoryStream(bytes);
            var import = Task.Run(() => library.ImportAsync(other.Id, again, "test.csv", FileRole.Test, cancellation: Cancel), Cancel);
            await Deletion.DeleteCompetitionAsync(old.Id, Cancel);
            var report = await import;
            Assert.Equal(report.Accepted, library.ReadBattles(report.Sha256, FileRole.Test, Cancel).Count());
            await Deletion.DeleteCompetitionAsync(other.Id, Cancel);
            Assert.False(Directory.Exists(_arena.Folder.Dataset(report.Sha256)));
        }
    }

    [Fact]
    public async Task AFile_IsTakenOut_AndItsBytesStayAsLongAsARunNeedsThem()
    {
        var run = await QueueAsync();
        await _arena.Get<RunService>().StopAsync(run, StopWhen.Now, Cancel);
        var train = _arena.Competition.File(FileRole.Train)!.Sha256;
        var sample = _arena.Competition.File(FileRole.Sample)!.Sha256;

        Assert.Contains(
            "1 run", Assert.Single((await Deletion.PlanDataAsync(_arena.Competition.Id, FileRole.Train, Cancel)).Dependents),
            StringComparison.Ordinal);
        Assert.Empty((await Deletion.PlanDataAsync(_arena.Competition.Id, FileRole.Sample, Cancel)).Dependents);
        await Deletion.DeleteDataAsync(_arena.Competition.Id, FileRole.Train, Cancel);
        await Deletion.DeleteDataAsync(_arena.Competition.Id, FileRole.Sample, Cancel);

        Assert.Equal(FileRole.Test, Assert.Single(_arena.Get<CompetitionLibrary>().Get(_arena.Competition.Id).Files).Role);
        Assert.Null((await _arena.Store.CompetitionAsync(_arena.Competition.Id, Cancel))!.DefaultSplit);
        Assert.True(Directory.Exists(_arena.Folder.Dataset(train)));
        Assert.False(Directory.Exists(_arena.Folder.Dataset(sample)));
    }

    [Fact]
    public async Task AModel_NamesTheRunsThatUsedIt_AndItsFolderStays()
    {
        await QueueAsync();
        Assert.Contains("1 run", Assert.Single((await Deletion.PlanModelAsync(_arena.Model.Id, Cancel)).Dependents), StringComparison.Ordinal);
        await Deletion.DeleteModelAsync(_arena.Model.Id, Cancel);

        Assert.Empty(await _arena.Store.ModelsAsync(Cancel));
        Assert.True(File.Exists(Path.Join(Repository.NanoModel, "config.json")));
    }

    private Task<string> QueueAsync() => _arena.StartAsync(new TrainingOptions { MaxSteps = 2, BatchSize = 4, MaxLength = 48 });
}

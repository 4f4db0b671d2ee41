using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests;

/// <summary>Runs that are asked for with a look at the competition that is no longer true.</summary>
public sealed class RunStartTests : IAsyncLifetime
{
    private TestArena _arena = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _arena = await TestArena.CreateAsync();

    public ValueTask DisposeAsync() => _arena.DisposeAsync();

    [Fact]
    public async Task ATrainFileThatWasReplacedMeanwhile_StartsNoRunOnTheOldSplit()
    {
        var before = Directory.GetDirectories(_arena.Folder.Runs).Length;
        await ReplaceAsync("train.csv", FileRole.Train, 80);

        var refused = await Assert.ThrowsAsync<RunRefusedException>(StartAsync);

        Assert.Contains("train.csv of competition 'Small' has just been replaced", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetDirectories(_arena.Folder.Runs).Length);
        Assert.Empty(await _arena.Store.QueuedAsync(Cancel));
    }

    [Fact]
    public async Task ATestFileThatWasReplacedMeanwhile_IsThatOfTheRun()
    {
        await ReplaceAsync("test.csv", FileRole.Test, 7);
        var run = await StartAsync();
        var now = _arena.Get<CompetitionLibrary>().Get(_arena.Competition.Id).File(FileRole.Test)!.Sha256;
        Assert.NotEqual(_arena.Competition.File(FileRole.Test)!.Sha256, now);
        Assert.Equal(now, RunSpec.Read(_arena.Folder.Run(run).Spec).Data.Test);
    }

    [Fact]
    public async Task WhileACompetitionChanges_ARunWaits()
    {
        Task<string> run;
        using (await FileLock.TakeAsync(Path.Join(_arena.Folder.Competition(_arena.Competition.Id), "competition.lock"), Cancel))
        {
            run = StartAsync();
            Assert.Empty(Directory.GetDirectories(_arena.Folder.Runs));
        }

        Assert.True(File.Exists(_arena.Folder.Run(await run).Spec));
    }

    private async Task ReplaceAsync(string name, FileRole role, int rows)
    {
        using var file = new MemoryStream(Repository.FirstRows(name, rows));
        await _arena.Get<CompetitionLibrary>().ImportAsync(_arena.Competition.Id, file, name, role, replace: true, cancellation: Cancel);
    }

    private Task<string> StartAsync() => _arena.StartAsync(new TrainingOptions { MaxSteps = 2, BatchSize = 4, MaxLength = 48 });
}

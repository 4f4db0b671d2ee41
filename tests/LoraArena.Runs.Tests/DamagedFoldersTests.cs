using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Runs.Following;
using LoraArena.Runs.Trials;
using LoraArena.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace LoraArena.Runs.Tests;

/// <summary>A damaged folder is named and skipped; the rest is taken in, and nothing stops the app.</summary>
public sealed class DamagedFoldersTests : IAsyncLifetime
{
    private TestArena _arena = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _arena = await TestArena.CreateAsync();

    public ValueTask DisposeAsync() => _arena.DisposeAsync();

    [Fact]
    public async Task OneDamagedFolderOfEachKind_IsNamed_AndTheOthersAreTakenIn()
    {
        var (whole, broken) = (await QueueAsync(), await QueueAsync());
        Directory.CreateDirectory(_arena.Folder.Run(broken).Path);
        AtomicFile.WriteText(_arena.Folder.Run(broken).Result, "{\"state\": \"succ");
        var other = await _arena.Get<CompetitionLibrary>().CreateAsync("Other", TestContext.Current.CancellationToken);
        var path = Path.Join(_arena.Folder.Competition(other.Id), "competition.json");
        var good = await File.ReadAllTextAsync(path, Cancel);
        AtomicFile.WriteText(path, "\0\0\0");
        await ForgetEverythingAsync();

        await _arena.Get<RunIndex>().CatchUpAsync(Cancel);

        Assert.Equal("queued", (await _arena.Store.RunAsync(whole, Cancel))!.State);
        Assert.Equal("failed", (await _arena.Store.RunAsync(broken, Cancel))!.State);
        Assert.Equal("Small", Assert.Single(await _arena.Store.CompetitionsAsync(Cancel)).Name);
        Assert.Equal("Small", Assert.Single(_arena.Get<CompetitionLibrary>().List()).Name);
        var problems = _arena.Get<ArenaProblems>();
        Assert.Equal(2, problems.All.Count);
        Assert.Contains(problems.All, p => p.Contains(path, StringComparison.Ordinal));
        Assert.Contains(problems.All, p => p.Contains(_arena.Folder.Run(broken).Result, StringComparison.Ordinal));
        Assert.DoesNotContain(problems.All, p => p.Contains("LineNumber", StringComparison.Ordinal));

        // Mended while the app runs, it is taken in by the next look.
        AtomicFile.WriteText(path, good);
        await _arena.Get<RunIndex>().CatchUpIfChangedAsync(Cancel);
        Assert.Equal(2, (await _arena.Store.CompetitionsAsync(Cancel)).Count);
        Assert.DoesNotContain(problems.All, p => p.Contains(path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ALookThatFailed_IsRepeated_AndTheLoopGoesOn()
    {
        var run = await QueueAsync();
        await _arena.Get<RunService>().StopAsync(run, StopWhen.Now, Cancel);
        await ForgetEverythingAsync();

        // The tables are not there at first: every pass fails.
        await using (var db = await _arena.Get<IDbContextFactory<LoraArena.Storage.ArenaDb>>().CreateDbContextAsync(Cancel)) await db.Database.ExecuteSqlRawAsync("ALTER TABLE Runs RENAME TO Away", Cancel);
        var problems = _arena.Get<ArenaProblems>();
        using var loop = new RunLoop(
            _arena.Folder,
            _arena.Store,
            _arena.Get<RunSupervisor>(),
            _arena.Get<RunIndex>(),
            _arena.Get<TrialLoop>(),
            _arena.Get<RunFollower>(),
            _arena.Get<RunFeed>(),
            problems,
            TimeProvider.System,
            NullLogger<RunLoop>.Instance);
        await loop.StartAsync(Cancel);
        await UntilAsync(() => Task.FromResult(problems.All.Any(p => p.StartsWith("Runs cannot be supervised", StringComparison.Ordinal))));
        await using (var db = await _arena.Get<IDbContextFactory<LoraArena.Storage.ArenaDb>>().CreateDbContextAsync(Cancel)) await db.Database.ExecuteSqlRawAsync("ALTER TABLE Away RENAME TO Runs", Cancel);

        await UntilAsync(async () => await _arena.Store.RunAsync(run, Cancel) is { State: "stopped" });
        await UntilAsync(() => Task.FromResult(problems.All.Count == 0));
        Assert.NotNull(SupervisorLock.Holder(_arena.Folder));
        await loop.StopAsync(Cancel);
    }

    [Fact]
    public async Task TheLock_ExcludesEveryOtherTaker_AndSaysWhoHasIt()
    {
        using (var held = SupervisorLock.TryTake(_arena.Folder, SupervisorKind.Server))
        {
            Assert.NotNull(held);
            Assert.Null(SupervisorLock.TryTake(_arena.Folder));
            Assert.Equal(
                (Environment.ProcessId, SupervisorKind.Server),
                SupervisorLock.Holder(_arena.Folder) is { } holder ? (holder.Pid, holder.Kind) : default);
            using var supervision = new Supervision(
                _arena.Folder, _arena.Get<RunIndex>(), _arena.Get<TrialLoop>(), _arena.Get<RunSupervisor>(), SupervisorKind.Command);
            Assert.False(await supervision.PassAsync(Cancel));
        }

        Assert.Null(SupervisorLock.Holder(_arena.Folder));
    }

    private Task<string> QueueAsync() => _arena.StartAsync(new TrainingOptions { MaxSteps = 2, BatchSize = 4, MaxLength = 48 });

    private async Task ForgetEverythingAsync()
    {
        await using var db = await _arena.Get<IDbContextFactory<LoraArena.Storage.ArenaDb>>().CreateDbContextAsync(Cancel);
        await db.Runs.ExecuteDeleteAsync(Cancel);
        await db.Competitions.ExecuteDeleteAsync(Cancel);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(10));
        while (!await condition()) await Task.Delay(50, limit.Token);
    }
}

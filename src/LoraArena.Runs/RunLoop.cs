using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Runs.Following;
using LoraArena.Runs.Trials;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>
/// The app's heartbeat: twice a second it supervises the runs, if no other process of this arena does, and brings the news of active runs
/// to whoever watches them. Workers live on whether it runs or not.
/// </summary>
public sealed class RunLoop(ArenaFolder folder, ArenaStore store, RunSupervisor supervisor, RunIndex index, TrialLoop trials, RunFollower follower, RunFeed feed, TimeProvider time, ILogger<RunLoop> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(0.5);
    private SupervisorLock? _lock;
    private IReadOnlyList<RunEntry> _activeBefore = [];

    /// <inheritdoc/>
    public override void Dispose()
    {
        _lock?.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await PassAsync(stoppingToken);
                await timer.WaitForNextTickAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or SqliteException or Microsoft.EntityFrameworkCore.DbUpdateException)
            {
                // A full disk or a locked database passes; the loop must not end by it.
                log.LogError(error, "Runs could not be looked after");
                await Task.Delay(TimeSpan.FromSeconds(2), time, stoppingToken);
            }
        }
    }

    private async Task PassAsync(CancellationToken cancel)
    {
        if (_lock is null)
        {
            _lock = SupervisorLock.TryTake(folder);
            if (_lock is not null) await index.CatchUpAsync(cancel);
        }

        if (_lock is not null)
        {
            await trials.PassAsync(cancel);
            await supervisor.PassAsync(cancel);
        }

        // Runs that were active a moment ago have news too: how they ended.
        var active = await store.ActiveAsync(cancel);
        foreach (var run in active) Tell(run);
        var activeIds = active.Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var id in _activeBefore.Select(r => r.Id).Union(feed.Watched).Where(id => !activeIds.Contains(id)))
        {
            if (await store.RunAsync(id, cancel) is { } run) Tell(run);
        }

        _activeBefore = active;
    }

    private void Tell(RunEntry run) => feed.Publish(new RunNews(run, follower.Poll(run.Id)));
}

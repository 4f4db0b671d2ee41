using LoraArena.Core.Files;
using LoraArena.Runs.Following;
using LoraArena.Runs.Trials;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>
/// The app's heartbeat: twice a second it supervises the runs, if no other process of this arena does, and brings the news of active runs
/// to whoever watches them. Workers live on whether it runs or not, and whatever goes wrong in it, the app goes on.
/// </summary>
public sealed class RunLoop(
    ArenaFolder folder,
    ArenaStore store,
    RunSupervisor supervisor,
    RunIndex index,
    TrialLoop trials,
    RunFollower follower,
    RunFeed feed,
    ArenaProblems problems,
    TimeProvider time,
    ILogger<RunLoop> log) : BackgroundService
{
    private const string ProblemKey = "supervision";
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);
    private readonly Supervision _supervision = new(folder, index, trials, supervisor, SupervisorKind.Server);
    private IReadOnlyList<RunEntry> _activeBefore = [];

    /// <inheritdoc/>
    public override void Dispose()
    {
        _supervision.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Every;
            try
            {
                await PassAsync(stoppingToken);
                problems.Clear(ProblemKey);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                // A full disk or a locked database passes, and not even a bug here may end the server.
                var sentence = $"Runs cannot be supervised: {error.GetBaseException().Message}";
                if (problems.Report(ProblemKey, sentence)) log.LogError(error, "Runs cannot be supervised");
                PublishTrouble(sentence);
                pause = AfterTrouble;
            }

            try
            {
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task PassAsync(CancellationToken cancel)
    {
        await _supervision.PassAsync(cancel);

        // Runs that were active a moment ago have news too: how they ended.
        var active = await store.ActiveAsync(cancel);
        foreach (var run in active) Publish(run);
        var activeIds = active.Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var id in _activeBefore.Select(r => r.Id).Union(feed.Watched).Where(id => !activeIds.Contains(id)))
        {
            if (await store.RunAsync(id, cancel) is { } run) Publish(run);
        }

        _activeBefore = active;
    }

    // Whoever watches a run sees that, too, and not a state that is long past.
    private void PublishTrouble(string sentence)
    {
        foreach (var run in _activeBefore)
        {
            run.Phase = sentence;
            try
            {
                Publish(run);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Its journal cannot be read either; the problem is told among the arena's.
            }
        }
    }

    private void Publish(RunEntry run) => feed.Publish(new RunNews(run, follower.Poll(run.Id)));
}

using LoraArena.Core.Runs;
using LoraArena.Runs.Following;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Tests;

public sealed class RunFeedTests
{
    private static RunNews News(long version, string state = "running") => new(
        new RunEntry
        {
            Id = "r",
            Name = "",
            CompetitionId = "",
            Owner = "",
            Model = "",
            Variant = "",
            SplitKey = "",
            Seed = 0,
            State = state,
            CreatedMs = 0,
            QueuedMs = 0,
        },
        RunSnapshot.Empty with { Version = version });

    [Fact]
    public async Task AWatcher_GetsTheNewestNews_AndMissesWhatWasOvertaken()
    {
        var feed = new RunFeed();
        using var leave = new CancellationTokenSource();
        var seen = new List<long>();
        var first = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var watcher = Task.Run(async () =>
        {
            await foreach (var news in feed.WatchAsync("r", leave.Token))
            {
                seen.Add(news.Progress.Version);
                first.TrySetResult();
                await goOn.Task;
                if (news.Progress.Version == 1000) return;
            }
        }, TestContext.Current.CancellationToken);
        while (feed.Watched.Count == 0) await Task.Delay(5, TestContext.Current.CancellationToken);
        feed.Publish(News(1));
        await first.Task.WaitAsync(TimeSpan.FromMinutes(10), TestContext.Current.CancellationToken);

        // The watcher is slow; publishing does not wait for it.
        for (var i = 2; i <= 1000; i++) feed.Publish(News(i));
        goOn.SetResult();
        await watcher.WaitAsync(TimeSpan.FromMinutes(10), TestContext.Current.CancellationToken);
        Assert.Equal([1, 1000], seen);
        Assert.Empty(feed.Watched);
    }

    [Fact]
    public async Task TheNewsOfARun_IsForgottenWhenItHasEnded_AndNobodyListensAnyMore()
    {
        var feed = new RunFeed();
        using var leave = new CancellationTokenSource();
        var here = feed.WatchAsync("r", leave.Token).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var next = here.MoveNextAsync().AsTask();
        feed.Publish(News(1));
        Assert.True(await next);
        await here.DisposeAsync();
        Assert.Equal((0, 1), (feed.Watched.Count, feed.Kept));

        // It ends while nobody listens; or somebody does, who leaves then.
        feed.Publish(News(2, RunState.Failed.Name));
        Assert.Equal(0, feed.Kept);
        here = feed.WatchAsync("r", leave.Token).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        next = here.MoveNextAsync().AsTask();
        feed.Publish(News(2, RunState.Failed.Name));
        Assert.True(await next);
        Assert.Equal(1, feed.Kept);
        await here.DisposeAsync();
        Assert.Equal(0, feed.Kept);
    }

    [Fact]
    public async Task NewsWithoutAnythingNew_WakeNobody()
    {
        var feed = new RunFeed();
        using var leave = new CancellationTokenSource();
        var seen = new List<string>();
        var ended = new TaskCompletionSource();
        var watcher = Task.Run(async () =>
        {
            await foreach (var news in feed.WatchAsync("r", leave.Token))
            {
                seen.Add(news.Entry.State);
                if (news.Entry.State == RunState.Succeeded.Name) ended.SetResult();
            }
        }, TestContext.Current.CancellationToken);
        while (feed.Watched.Count == 0) await Task.Delay(5, TestContext.Current.CancellationToken);
        for (var i = 0; i < 10; i++)
        {
            feed.Publish(News(7));
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        feed.Publish(News(7, RunState.Succeeded.Name));
        await ended.Task.WaitAsync(TimeSpan.FromMinutes(10), TestContext.Current.CancellationToken);
        leave.Cancel();
        await watcher;

        // On a busy machine the first news may be overtaken; never are there more than one of each.
        Assert.Equal(seen.Distinct(), seen);
        Assert.Equal(RunState.Succeeded.Name, seen[^1]);
    }
}

using LoraArena.Core.Runs;
using LoraArena.Storage.Entities;

namespace LoraArena.Storage.Tests;

public sealed class RunStoreTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Queue_IsInTheOrderOfArrival()
    {
        await using var store = await TestStore.CreateAsync();
        await AddAsync(store, "second", RunState.Queued, queuedMs: 20);
        await AddAsync(store, "first", RunState.Queued, queuedMs: 10);
        await AddAsync(store, "running", RunState.Running, queuedMs: 5);

        Assert.Equal(["first", "second"], (await store.Runs.QueuedAsync(Cancel)).Select(run => run.Id));
        Assert.Equal(["running"], (await store.Runs.ActiveAsync(Cancel)).Select(run => run.Id));
    }

    [Fact]
    public async Task BeginAttempt_IsWonByOneOfMany()
    {
        await using var store = await TestStore.CreateAsync();
        var seen = await AddAsync(store, "run", RunState.Queued);

        var won = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.Runs.TryBeginAttemptAsync(seen, 1, Cancel), Cancel)));

        Assert.Equal(1, won.Count(w => w));
        var run = (await store.Runs.RunAsync("run", Cancel))!;
        Assert.Equal((RunState.Starting.Name, seen.Attempt + 1), (run.State, run.Attempt));
    }

    [Fact]
    public async Task BeginAttempt_OfARunThatHasEnded_IsRefused()
    {
        await using var store = await TestStore.CreateAsync();
        var seen = await AddAsync(store, "run", RunState.Succeeded);

        Assert.False(await store.Runs.TryBeginAttemptAsync(seen, 1, Cancel));
        Assert.Equal(RunState.Succeeded.Name, (await store.Runs.RunAsync("run", Cancel))!.State);
    }

    [Fact]
    public async Task Update_OfWhatSomebodyElseHasChanged_ChangesNothing()
    {
        await using var store = await TestStore.CreateAsync();
        var seen = await AddAsync(store, "run", RunState.Running);
        Assert.True(await store.Runs.TryUpdateAsync(seen, run => run.State = RunState.Stopped.Name, Cancel));

        Assert.False(await store.Runs.TryUpdateAsync(seen, run => run.State = RunState.Failed.Name, Cancel));

        Assert.Equal(RunState.Stopped.Name, (await store.Runs.RunAsync("run", Cancel))!.State);
    }

    [Fact]
    public async Task Board_HasWhatSucceededOnTheSameRows_BestFirst()
    {
        await using var store = await TestStore.CreateAsync();
        await AddAsync(store, "worse", RunState.Succeeded, logLoss: 1.0);
        await AddAsync(store, "better", RunState.Succeeded, logLoss: 0.9);
        await AddAsync(store, "other-rows", RunState.Succeeded, logLoss: 0.1, splitKey: "another");
        await AddAsync(store, "failed", RunState.Failed, logLoss: 0.1);

        Assert.Equal(["better", "worse"], (await store.Runs.SucceededAsync("c", "split", Cancel)).Select(run => run.Id));
    }

    private static async Task<RunEntry> AddAsync(
        TestStore store, string id, RunState state, long queuedMs = 0, double? logLoss = null, string splitKey = "split")
    {
        var run = new RunEntry
        {
            Id = id,
            Name = id,
            CompetitionId = "c",
            Owner = "ada",
            Model = "nano",
            Variant = "lora",
            SplitKey = splitKey,
            Seed = 0,
            State = state.Name,
            CreatedMs = 0,
            QueuedMs = queuedMs,
            LogLoss = logLoss,
        };
        await store.Runs.AddAsync(run, Cancel);
        return run;
    }
}

using LoraArena.Core.Runs;
using Microsoft.AspNetCore.SignalR.Client;

namespace LoraArena.Web.Tests;

public sealed class HubTests(RunningApp app) : IClassFixture<RunningApp>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Watch_TellsARunsStepsUntilItsEnd_AndALateWatcherWhatItMissed()
    {
        var run = await app.StartRunAsync(new TrainingOptions { MaxSteps = 20, BatchSize = 2, MaxLength = 48, SwapAverage = false, Device = "cpu" });
        await using var hub = new HubConnectionBuilder().WithUrl(new Uri(app.Address, "/hubs/runs"), options => options.Cookies = app.Cookies).Build();
        await hub.StartAsync(Cancel);

        var messages = new List<Message>();
        await foreach (var message in hub.StreamAsync<Message>("Watch", run, Cancel)) messages.Add(message);

        Assert.Equal(("succeeded", true, 20L), (messages[^1].State, messages[^1].IsFinal, messages[^1].Step));
        Assert.All(messages.SkipLast(1), message => Assert.False(message.IsFinal));
        Assert.Equal(messages.Select(message => message.Version).Order(), messages.Select(message => message.Version));

        var late = new List<Message>();
        await foreach (var message in hub.StreamAsync<Message>("Watch", run, Cancel)) late.Add(message);
        Assert.Equal(messages[^1], Assert.Single(late));
    }

    [Fact]
    public async Task Watch_OfNoRunIsAnError()
    {
        await using var hub = new HubConnectionBuilder().WithUrl(new Uri(app.Address, "/hubs/runs"), options => options.Cookies = app.Cookies).Build();
        await hub.StartAsync(Cancel);

        var error = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var _ in hub.StreamAsync<Message>("Watch", "../..", Cancel)) continue;
        });

        Assert.Contains("There is no such run.", error.Message, StringComparison.Ordinal);
    }

    private sealed record Message(string Run, long Version, string State, bool IsFinal, long Step);
}

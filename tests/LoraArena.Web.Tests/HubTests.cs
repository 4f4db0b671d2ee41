using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Web.Hubs;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;

namespace LoraArena.Web.Tests;

/// <summary>Live news of runs, for programs.</summary>
public sealed class HubTests(ArenaServer server)
{
    private const int Steps = 120;

    [Fact]
    public async Task ASubscriberSeesARunGoOn_AndOneThatComesBackGetsWhatItMissed()
    {
        var run = await server.Arena.StartAsync(new TrainingOptions { MaxSteps = Steps, BatchSize = 4, MaxLength = 48 });
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(10));

        var seen = new List<RunMessage>();
        await using (var connection = await ConnectAsync())
        {
            await foreach (var message in connection.StreamAsync<RunMessage>("Watch", run, limit.Token))
            {
                seen.Add(message);
                if (message.Step >= 3) break;
            }
        }

        Assert.Equal(seen.Select(m => m.Version).Order(), seen.Select(m => m.Version));
        Assert.Equal((run, "running", (long)Steps), (seen[^1].Run, seen[^1].State, seen[^1].Steps));
        Assert.NotNull(seen[^1].Loss);

        // Nobody watches for a while; the first that a new connection hears is where the run is now.
        var away = await server.Arena.WaitAsync(run, r => r.Step > seen[^1].Step);
        var after = new List<RunMessage>();
        await using (var connection = await ConnectAsync())
        {
            await foreach (var message in connection.StreamAsync<RunMessage>("Watch", run, limit.Token)) after.Add(message);
        }

        Assert.True(after[0].Step >= away.Step, $"it was at step {away.Step} and was told of step {after[0].Step}");
        Assert.Equal(("succeeded", true, (long)Steps), (after[^1].State, after[^1].IsFinal, after[^1].Step));
        Assert.NotNull(after[^1].ValidationLogLoss);
        Assert.All(after.SkipLast(1), message => Assert.False(message.IsFinal));
    }

    [Fact]
    public async Task ARunThatIsOver_IsToldOnce()
    {
        await using var connection = await ConnectAsync();
        var messages = await connection.StreamAsync<RunMessage>(
            "Watch", server.Run, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(("succeeded", 6L), (Assert.Single(messages).State, messages[0].Step));
    }

    [Theory]
    [InlineData("01m8asjby8jkhd565k8damzm9q")]
    [InlineData("../../arena.db")]
    [InlineData("")]
    public async Task ARunThatIsNotThere_IsRefusedWithASentence(string run)
    {
        await using var connection = await ConnectAsync();
        var error = await Assert.ThrowsAsync<HubException>(async () =>
        {
            await foreach (var message in connection.StreamAsync<RunMessage>("Watch", run, TestContext.Current.CancellationToken))
            {
                Assert.Fail($"news of {message.Run}");
            }
        });
        Assert.Contains("There is no such run.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARunThatTheIndexDoesNotKnowYet_IsFoundInItsFolder()
    {
        // A folder that came by another way than through the app: a backup, another machine.
        var (from, id) = (server.Arena.Folder.Run(server.StoppedRun), ArenaId.New(TimeProvider.System));
        var run = server.Arena.Folder.Run(id);
        var staged = Directory.CreateDirectory(Path.Join(server.Arena.Folder.Root, "staged"));
        foreach (var file in Directory.EnumerateFiles(from.Path))
        {
            var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
            AtomicFile.WriteText(Path.Join(staged.FullName, Path.GetFileName(file)), text.Replace(server.StoppedRun, id, StringComparison.Ordinal));
        }

        staged.MoveTo(run.Path);
        await using var connection = await ConnectAsync();
        var messages = await connection.StreamAsync<RunMessage>(
            "Watch", id, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal((id, "stopped"), (Assert.Single(messages).Run, messages[0].State));
    }

    private async Task<HubConnection> ConnectAsync()
    {
        var connection = new HubConnectionBuilder().WithUrl(new Uri(server.Address, "/hubs/runs"), options => options.Cookies = server.Member.Cookies).Build();
        await connection.StartAsync(TestContext.Current.CancellationToken);
        return connection;
    }
}

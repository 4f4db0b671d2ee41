namespace LoraArena.Cli.Tests;

/// <summary>Several real processes on one arena: commands beside one another, and beside a server.</summary>
public sealed class SupervisionTests : IAsyncLifetime
{
    private readonly Arena _arena = new();

    public async ValueTask InitializeAsync()
    {
        var model = Places.RequireModel();
        _arena.Write("train.csv", Battles.Train(40));
        await _arena.AskAsync("import", _arena.At("train.csv"), "--competition", "Arena");
        await _arena.AskAsync("models", "add", model, "--name", "nano");
    }

    public ValueTask DisposeAsync()
    {
        _arena.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task OfFourDetachedRunsAtOnce_NoneIsLost_AndOneIsStarted()
    {
        string[] names = ["one", "two", "three", "four"];
        var begun = await Task.WhenAll(names.Select(name => _arena.RunProgramAsync(Arguments(name, "100000", "--detach", "--json"))));
        var runs = (await _arena.AskAsync("runs"))["runs"]!.AsArray();

        Assert.All(begun, ended => Assert.True(ended.ExitCode == 0, ended.Errors));
        Assert.Equal(names.Order(StringComparer.Ordinal), runs.Select(run => (string)run!["name"]!).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["queued", "queued", "queued", "started"],
            runs.Select(run => (string)run!["state"]! is "starting" or "running" ? "started" : (string)run["state"]!).Order(StringComparer.Ordinal));

        // A run that waits is gone with a word, one that trains only when it has stopped. Until it is to stop it need not take the processor.
        var started = (string)runs.Single(run => (string)run!["state"]! != "queued")!["run"]!;
        var worker = await Signals.WorkerAsync(Path.Join(_arena.Store, "runs", started));
        await HoldAsync(worker);
        Assert.Equal(3, (await _arena.RunAsync("delete", "run", started)).ExitCode);
        foreach (var run in runs.Select(run => (string)run!["run"]!).Where(run => run != started)) await _arena.AskAsync("delete", "run", run);
        await _arena.AskAsync("stop", started, "--now");
        await LetGoAsync(worker);
        Assert.Equal(130, (await _arena.RunAsync("watch", started)).ExitCode);
        Assert.Equal(started, (string?)Assert.Single((await _arena.AskAsync("runs"))["runs"]!.AsArray())!["run"]);

        // What depends on a thing is named before it goes.
        var refused = await _arena.RunAsync("delete", "competition", "Arena");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("1 run", refused.Errors, StringComparison.Ordinal);
        await _arena.AskAsync("delete", "competition", "Arena", "--yes");
        Assert.Empty((await _arena.AskAsync("competitions"))["competitions"]!.AsArray());
        Assert.Empty(Directory.EnumerateDirectories(Path.Join(_arena.Store, "runs")));
    }

    [Fact]
    public async Task BesideAServer_CommandsDoNotSupervise_AndDoNotSayThatNobodyDoes()
    {
        // As the server holds it: this process is another one than the commands'.
        using (new FileStream(Path.Join(_arena.Store, "supervisor.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            _arena.Write("store/supervisor.lock.json", $$"""{"pid": {{Environment.ProcessId}}, "host": "here", "kind": "server"}""");
            var begun = await _arena.RunProgramAsync(Arguments("waits", "4", "--detach", "--json"));
            var queue = await _arena.RunProgramAsync("queue", "--json");

            Assert.Equal("queued", (string?)begun.Document()["state"]);
            Assert.Contains("the process that supervises the queue starts it", begun.Errors, StringComparison.Ordinal);
            Assert.True((bool)queue.Document()["supervised"]!);
            Assert.DoesNotContain("Nothing supervises", queue.Errors, StringComparison.Ordinal);
        }

        // The negative control: with the server gone, they do both.
        var alone = await _arena.RunProgramAsync("queue", "--json");
        Assert.False((bool)alone.Document()["supervised"]!);
        Assert.Contains("Nothing supervises the queue", alone.Errors, StringComparison.Ordinal);
    }

    // Windows cannot hold a process.
    private static Task HoldAsync(int pid) => OperatingSystem.IsWindows() ? Task.CompletedTask : Signals.SendAsync("STOP", pid);

    private static Task LetGoAsync(int pid) => OperatingSystem.IsWindows() ? Task.CompletedTask : Signals.SendAsync("CONT", pid);

    private static string[] Arguments(string name, string steps, params string[] more)
        => [
            "run", "--competition", "Arena", "--model", "nano", "--variant", "lora", "--steps", steps, "--max-length", "32", "--batch", "4",
            "--name", name, .. more];
}

using System.Security.Cryptography;
using LoraArena.Core.Journal;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Runs.Launching;
using LoraArena.Tests.Support;

namespace LoraArena.Faults.Tests;

/// <summary>
/// Workers and servers are ended with SIGKILL while a run goes on. A run that was interrupted must end as one that was not: the same losses
/// step by step, the same adapter and the same predictions, byte for byte (on the CPU, with the same number of threads).
/// </summary>
public sealed class KillTests(UndisturbedRun undisturbed) : IClassFixture<UndisturbedRun>
{
    private readonly TestArena _arena = undisturbed.Arena;

    private static TrainingOptions Training => UndisturbedRun.Training;

    [Fact]
    public async Task AWorkerThatIsKilledAgainAndAgain_EndsLikeOneThatIsNot()
    {
        var killed = await _arena.StartAsync(Training);
        var random = new SeededRandom(11);
        var kills = 0;
        for (var step = 3 + random.Next(4); step < 38; step += 8 + random.Next(6))
        {
            await _arena.SuperviseAsync(killed, r => Ended(r) || HasDone(killed, step));
            if (await KillWorkerAsync(killed)) kills++;
        }

        var entry = await _arena.SuperviseAsync(killed, Ended);
        Assert.Equal("succeeded", entry.State);
        Assert.True(kills >= 2, $"only {kills} kills hit a living worker");
        Assert.Equal(kills + 1, entry.Attempt);
        AssertSame(undisturbed.Id, killed);
    }

    [Fact]
    public async Task AServerThatIsKilled_DoesNotStopTheRun_AndFindsItAgain()
    {
        var run = await _arena.StartAsync(Training);
        int pid;
        await using (var server = await WebServer.StartAsync(_arena.Folder))
        {
            await _arena.WaitAsync(run, r => r.State == "running" && HasDone(run, 2));
            pid = RunLease.Read(_arena.Folder.Run(run), 1)!.Pid;
            await server.KillAsync();
        }

        // The worker goes on alone, with nobody to watch it.
        var lease = RunLease.Read(_arena.Folder.Run(run), 1)!;
        var stepsAtDeath = RunHistory.Read(_arena.Folder.Run(run)).Steps.Count;
        await UntilAsync(() => RunHistory.Read(_arena.Folder.Run(run)).Steps.Count > stepsAtDeath || File.Exists(_arena.Folder.Run(run).Result));
        Assert.Equal(pid, lease.Pid);

        await using var restarted = await WebServer.StartAsync(_arena.Folder);
        var entry = await _arena.WaitAsync(run, Ended);
        Assert.Equal("succeeded", entry.State);
        Assert.Equal(1, entry.Attempt);
        AssertSame(undisturbed.Id, run);
    }

    [Fact]
    public async Task AWorkerThatDiesWhileNobodyWatches_IsBegunAgainByTheNextServer()
    {
        var run = await _arena.StartAsync(Training with { MaxSteps = 60 });
        await using (var server = await WebServer.StartAsync(_arena.Folder))
        {
            await _arena.WaitAsync(run, r => HasDone(run, 8));
            await server.KillAsync();
        }

        Assert.True(await KillWorkerAsync(run));
        await using var restarted = await WebServer.StartAsync(_arena.Folder);
        var entry = await _arena.WaitAsync(run, Ended);
        Assert.Equal("succeeded", entry.State);
        Assert.Equal(2, entry.Attempt);
        Assert.Equal(Enumerable.Range(1, 60).Select(i => (long)i), RunHistory.Read(_arena.Folder.Run(run)).Steps.Select(s => s.Step));
    }

    [Fact]
    public async Task ATornCheckpoint_IsPassedOver()
    {
        var run = await _arena.StartAsync(Training);
        var folder = _arena.Folder.Run(run);
        await _arena.SuperviseAsync(run, _ => folder.CheckpointSteps().Count >= 2);
        Assert.True(await KillWorkerAsync(run));
        var newest = folder.Checkpoint(folder.CheckpointSteps()[0]);
        var weights = Path.Join(newest, "adapter_model.safetensors");
        var bytes = await File.ReadAllBytesAsync(weights, TestContext.Current.CancellationToken);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(weights, bytes, TestContext.Current.CancellationToken);
        await _arena.SuperviseAsync(run, Ended);
        AssertSame(undisturbed.Id, run);
        Assert.Contains(RunHistory.Read(folder).Warnings, w => w.Text.Contains("adapter_model.safetensors is not as it was written", StringComparison.Ordinal));
        Assert.Contains("is damaged", await File.ReadAllTextAsync(folder.Log, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static bool Ended(LoraArena.Storage.Entities.RunEntry run) => RunState.Parse(run.State).IsFinal;

    private bool HasDone(string run, long step) => RunHistory.Read(_arena.Folder.Run(run)).LastStep?.Step >= step;

    private async Task<bool> KillWorkerAsync(string run)
    {
        var folder = _arena.Folder.Run(run);
        if (RunLease.Read(folder, folder.LastAttempt()) is not { } lease || !ProcessIdentity.IsAlive(lease.Pid, lease.ProcessStarted)) return false;
        WorkerProcess.Kill(folder, lease);
        await UntilAsync(() => !ProcessIdentity.IsAlive(lease.Pid, lease.ProcessStarted));
        return !File.Exists(folder.Result);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        while (!condition()) await Task.Delay(50, limit.Token);
    }

    private void AssertSame(string first, string second)
    {
        var (a, b) = (_arena.Folder.Run(first), _arena.Folder.Run(second));
        Assert.Equal(RunHistory.Read(a).Steps.Select(s => (s.Step, s.Loss, s.GradNorm)), RunHistory.Read(b).Steps.Select(s => (s.Step, s.Loss, s.GradNorm)));
        foreach (var path in new Func<RunFolder, string>[]
        {
            r => Path.Join(r.Adapter, "adapter_model.safetensors"), r => r.ValidationPredictions, r => r.TestPredictions,
        })
        {
            Assert.Equal(Hash(path(a)), Hash(path(b)));
        }
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}

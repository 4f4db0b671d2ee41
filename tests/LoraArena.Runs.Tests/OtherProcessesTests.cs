using System.Diagnostics;
using LoraArena.Core.Runs;
using LoraArena.Runs.Following;
using LoraArena.Runs.Launching;
using LoraArena.Storage.Entities;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests;

/// <summary>
/// Runs whose lease names a process that is not their worker any more, or cannot be seen from here. Nobody else's process may come to harm,
/// and every run can be ended.
/// </summary>
public sealed class OtherProcessesTests : IAsyncLifetime
{
    private static readonly TrainingOptions Short = new() { MaxSteps = 2, BatchSize = 4, MaxLength = 48 };
    private TestArena _arena = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Boots and command lines are told apart on Linux.");
        _arena = await TestArena.CreateAsync();
    }

    public ValueTask DisposeAsync() => _arena?.DisposeAsync() ?? ValueTask.CompletedTask;

    [Theory]
    [InlineData(null)]
    [InlineData("00000000-0000-0000-0000-000000000000/pid:[1]")]
    public async Task AStrangersProcess_ThatHasTheNumbersOfALease_IsLeftAlone_AndTheRunIsStopped(string? boot)
    {
        using var stranger = Process.Start(new ProcessStartInfo("sleep", "300"))!;
        try
        {
            var id = await BeginAsync(new RunLease(
                1, Environment.MachineName, stranger.Id, ProcessIdentity.Started(stranger.Id)!.Value, null, Long, Long)
            { BootId = boot });
            await StopAsync(id);
            var entry = await _arena.SuperviseAsync(id, IsFinal);

            Assert.Equal("stopped", entry.State);
            Assert.False(stranger.HasExited);
            Assert.False(WorkerProcess.Kill(_arena.Folder.Run(id), RunLease.Read(_arena.Folder.Run(id), 1)!));
            Assert.False(stranger.HasExited);
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Fact]
    public async Task AProcessOfThisBoot_IsAliveWhateverTheHostIsCalled()
    {
        using var process = Process.Start(new ProcessStartInfo("sleep", "300"))!;
        try
        {
            var run = _arena.Folder.Run(await BeginAsync(null));
            var lease = new RunLease(
                1, "another-name", process.Id, ProcessIdentity.Started(process.Id)!.Value, null, Long,
                Long)
            { BootId = ProcessIdentity.Machine };
            Assert.True(WorkerProcess.IsAlive(run, lease, TimeProvider.System.GetUtcNow()));
            Assert.False(WorkerProcess.IsAlive(run, lease with { ProcessStarted = lease.ProcessStarted - 1 }, TimeProvider.System.GetUtcNow()));

            // Another container of this machine: its process ids say nothing here.
            Assert.Null(WorkerProcess.IsAlive(
                run, lease with { BootId = ProcessIdentity.Machine!.Split('/')[0] + "/pid:[1]" }, TimeProvider.System.GetUtcNow()));

            // It has the numbers of a lease of this boot, and is still no worker.
            Assert.False(WorkerProcess.Kill(run, lease));
            Assert.False(process.HasExited);
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public async Task ARunOfAHostThatIsGone_LosesContact_BlocksNobody_AndCanBeStoppedAndResumed()
    {
        var lost = await BeginAsync(new RunLease(1, "old-container", 1, 1, null, Long, Long) { BootId = ProcessIdentity.Machine!.Split('/')[0] + "/pid:[1]" });
        await _arena.SuperviseAsync(lost, r => r.Phase == Reconciler.LostContact);
        var refused = await Assert.ThrowsAsync<RunRefusedException>(() => _arena.Get<RunService>().ResumeAsync(lost, Cancel));
        Assert.Contains("Stop the run first", refused.Message, StringComparison.Ordinal);

        var next = await _arena.StartAsync(Short);
        Assert.Equal("succeeded", (await _arena.SuperviseAsync(next, IsFinal)).State);

        await _arena.Get<RunService>().StopAsync(lost, StopWhen.AfterCheckpoint, Cancel);
        var stopped = await _arena.SuperviseAsync(lost, IsFinal);
        Assert.Equal("stopped", stopped.State);
        Assert.Contains("old-container", stopped.Reason, StringComparison.Ordinal);

        await _arena.Get<RunService>().ResumeAsync(lost, Cancel);
        Assert.Equal(("succeeded", 2), await _arena.SuperviseAsync(lost, IsFinal) is var ended ? (ended.State, ended.Attempt) : default);
    }

    [Fact]
    public async Task AWorkerThatDoesNotStopAtOnce_IsEnded_AndItsRunIsStopped_NotBegunAgain()
    {
        var id = await _arena.StartAsync(Short with { MaxSteps = 100_000 });
        await _arena.SuperviseAsync(id, r => r.State == "running");
        var lease = RunLease.Read(_arena.Folder.Run(id), 1)!;
        using (var hold = Process.Start("kill", ["-STOP", lease.Pid.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            await hold.WaitForExitAsync(Cancel);
        }

        await StopAsync(id);
        var entry = await _arena.SuperviseAsync(id, IsFinal);

        Assert.Equal(("stopped", 1), (entry.State, entry.Attempt));
        Assert.Contains("did not stop by itself", entry.Reason, StringComparison.Ordinal);
        Assert.False(ProcessIdentity.IsAlive(lease.Pid, lease.ProcessStarted));
    }

    [Fact]
    public async Task AnInterruptedRun_IsResumed_WithItsAttemptsGivenBack()
    {
        using var dead = Process.Start(new ProcessStartInfo("true"))!;
        await dead.WaitForExitAsync(Cancel);
        var id = await BeginAsync(new RunLease(1, Environment.MachineName, dead.Id, 1, null, Long, Long) { BootId = ProcessIdentity.Machine });
        await _arena.Get<RunSupervisor>().ObserveAllAsync(Cancel);
        var before = (await _arena.Store.RunAsync(id, Cancel))!;
        await _arena.Get<RunService>().ResumeAsync(id, Cancel);
        var after = (await _arena.Store.RunAsync(id, Cancel))!;

        Assert.Equal(("interrupted", 1), (before.State, before.AttemptsWithoutProgress));
        Assert.Equal(("interrupted", 0), (after.State, after.AttemptsWithoutProgress));
        await _arena.SuperviseAsync(id, r => r.Attempt == 2 && r.State == "running");
    }

    private static DateTimeOffset Long => TimeProvider.System.GetUtcNow().AddMinutes(-10);

    private static bool IsFinal(RunEntry run) => RunState.Parse(run.State).IsFinal;

    /// <summary>A run that is being trained as its index and its lease say, with no worker started for it.</summary>
    private async Task<string> BeginAsync(RunLease? lease)
    {
        var id = await _arena.StartAsync(Short);
        Assert.True(await _arena.Store.TryBeginAttemptAsync((await _arena.Store.RunAsync(id, Cancel))!, Long.ToUnixTimeMilliseconds(), Cancel));
        lease?.Take(_arena.Folder.Run(id));
        return id;
    }

    /// <summary>Asks a run to stop at once, long enough ago that its worker should have.</summary>
    private async Task StopAsync(string id)
    {
        await _arena.Get<RunService>().StopAsync(id, StopWhen.Now, Cancel);
        File.SetLastWriteTimeUtc(_arena.Folder.Run(id).Request, TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-5));
    }
}

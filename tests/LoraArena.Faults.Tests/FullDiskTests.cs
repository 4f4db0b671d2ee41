using System.Diagnostics;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Runs;
using LoraArena.Tests.Support;

namespace LoraArena.Faults.Tests;

/// <summary>A real disk that is full: a small one in memory, where the system lets the tests mount it.</summary>
public sealed class FullDiskTests : IAsyncDisposable
{
    private readonly string _disk = Directory.CreateTempSubdirectory("arena-disk-").FullName;
    private TestArena? _arena;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (_arena is not null) await _arena.DisposeAsync();

        // Lazily: a worker that was killed a moment ago may still be ending.
        await CommandAsync("umount", "--lazy", _disk);
        Directory.Delete(_disk);
    }

    [Fact]
    public async Task ARunOnAFullDisk_FailsWithThatReason_AndGoesOnWhenThereIsSpaceAgain()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && await CommandAsync("mount", "-t", "tmpfs", "-o", "size=64m", "arena", _disk),
            "No disk can be mounted here.");
        _arena = await TestArena.CreateAsync(root: Path.Join(_disk, "arena"));
        var id = await _arena.StartAsync(new TrainingOptions { MaxSteps = 400, BatchSize = 4, MaxLength = 48, SaveSteps = 20 });
        var run = _arena.Folder.Run(id);
        await _arena.SuperviseAsync(id, _ => run.CheckpointSteps().Count > 0);
        var filler = Path.Join(_disk, "filler");
        Fill(filler);

        // Nobody supervises: the index lies on the full disk too, and what has happened must be found in the folder.
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel))
        {
            limit.CancelAfter(TimeSpan.FromMinutes(10));
            while (!File.Exists(run.Result)) await Task.Delay(50, limit.Token);
        }

        var result = JsonFile.Read<RunResult>(run.Result);
        Assert.Equal((RunState.Failed, RunMark.DiskFull), (result.State, result.Flag));
        Assert.StartsWith("The disk is full", result.Reason, StringComparison.Ordinal);
        Assert.True(result.Cost is { Seconds: > 0, TrainableParameters: > 0 });

        File.Delete(filler);
        var failed = await _arena.SuperviseAsync(id, r => RunState.Parse(r.State).IsFinal);
        Assert.Equal(("failed", "DiskFull"), (failed.State, failed.Flag));
        await _arena.Get<RunService>().ResumeAsync(id, Cancel);
        var begun = await _arena.SuperviseAsync(id, r => r.Attempt == 2 && r.Step > 20);
        Assert.Null(begun.Flag);
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (var block = 1 << 20; block > 0; block >>= 4)
        {
            try
            {
                while (true) file.Write(new byte[block]);
            }
            catch (IOException)
            {
                // Full for a block of this size.
            }
        }
    }

    private static async Task<bool> CommandAsync(string name, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardError = true })!;
            await process.WaitForExitAsync(Cancel);
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

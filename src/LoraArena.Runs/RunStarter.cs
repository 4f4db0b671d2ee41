using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>Begins attempts: notes them in the index, chooses their device, starts their worker.</summary>
public sealed class RunStarter(
    ArenaFolder folder, ArenaStore store, LocalLauncher launcher, WorkerCatalog worker, RunSettings settings, TimeProvider time,
    ILogger<RunStarter> log)
{
    /// <summary>Begins the next attempt of a run.</summary>
    /// <param name="run">The run, as it waits.</param>
    /// <param name="going">Runs that train now.</param>
    /// <param name="cancel">Cancels before the attempt is begun.</param>
    /// <returns>The run as it is then; null where another was faster, or it could not be started and has failed.</returns>
    public async Task<RunEntry?> StartAsync(RunEntry run, IEnumerable<RunEntry> going, CancellationToken cancel)
    {
        // The intent is written first: if this process dies now, the run is found starting without a worker, and begun again.
        if (!await store.TryBeginAttemptAsync(run, time.GetUtcNow().ToUnixTimeMilliseconds(), cancel)) return null;
        var begun = (await store.RunAsync(run.Id, cancel))!;
        try
        {
            var device = await ChooseDeviceAsync(run, going, cancel);
            var handle = launcher.Start(folder.Run(run.Id), begun.Attempt, device);
            await store.TryUpdateAsync(
                begun,
                r => (r.Host, r.Pid, r.ProcessStarted, r.BootId, r.Device) = (handle.Host, handle.Pid, handle.ProcessStarted, handle.BootId, device),
                cancel);
            log.LogInformation("Run {Run}, attempt {Attempt}: worker {Pid} started", run.Id, begun.Attempt, handle.Pid);
            begun.Device = device;
            return begun;
        }
        catch (Exception error) when (error is WorkerException or JsonFileException)
        {
            new RunResult(RunState.Failed, begun.Attempt, time.GetUtcNow(), error.Message, run.Step, null, null).Write(folder.Run(run.Id));
            return null;
        }
    }

    // A run alone takes the best device by itself; of several each is given one.
    private async Task<string?> ChooseDeviceAsync(RunEntry run, IEnumerable<RunEntry> going, CancellationToken cancel)
    {
        var wanted = RunSpec.Read(folder.Run(run.Id).Spec).Training.Device;
        if (settings.MaxRunning < 2) return null;
        var devices = (await worker.DescribeAsync(cancel)).Devices.Select(d => d.Id).ToList();
        return DeviceChoice.Pick(wanted, devices, [.. going.Select(r => r.Device).OfType<string>()]);
    }
}

using System.Globalization;
using LoraArena.Core.Runs;

namespace LoraArena.Runs.Launching;

/// <summary>Starts runs as processes of this host.</summary>
/// <param name="settings">How many at once, and with how many threads.</param>
public sealed class LocalLauncher(RunSettings settings)
{
    /// <summary>Starts a worker for an attempt. It goes on when this process ends.</summary>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The attempt.</param>
    /// <param name="device">The device for a run that leaves the choice to the app; null lets the worker choose.</param>
    /// <returns>The process.</returns>
    /// <exception cref="WorkerException">It cannot be started.</exception>
    public WorkerHandle Start(RunFolder run, int attempt, string? device)
    {
        var threads = settings.Threads > 0 ? settings.Threads : Math.Max(1, Environment.ProcessorCount / settings.MaxRunning);
        List<string> arguments =
        [
            "train", run.Path,
            "--attempt", attempt.ToString(CultureInfo.InvariantCulture),
            "--threads", threads.ToString(CultureInfo.InvariantCulture),
            "--log",
        ];
        if (device is not null) arguments.AddRange(["--auto-device", device]);
        var pid = WorkerProgram.Find().StartDetached(arguments, run.Log);
        return new WorkerHandle(Environment.MachineName, pid, ProcessIdentity.Started(pid) ?? 0, ProcessIdentity.Machine);
    }
}

/// <summary>A started worker.</summary>
/// <param name="Host">Its machine.</param>
/// <param name="Pid">Its process there.</param>
/// <param name="ProcessStarted">Start of that process.</param>
/// <param name="BootId">Where that id counts.</param>
public sealed record WorkerHandle(string Host, int Pid, long ProcessStarted, string? BootId);

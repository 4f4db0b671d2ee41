using System.Globalization;
using LoraArena.Core.Runs;

namespace LoraArena.Runs.Launching;

/// <summary>Starts runs as processes of this host.</summary>
/// <param name="settings">How many at once, and with how many threads.</param>
public sealed class LocalLauncher(RunSettings settings)
{
    /// <summary>Starts a worker for an attempt. It goes on when this process ends.</summary>
    /// <returns>The process.</returns>
    /// <exception cref="WorkerException">It cannot be started.</exception>
    public WorkerHandle Start(RunFolder run, int attempt)
    {
        var threads = settings.Threads > 0 ? settings.Threads : Math.Max(1, Environment.ProcessorCount / settings.MaxRunning);
        var pid = WorkerProgram.Find().StartDetached(
            [
                "train", run.Path,
                "--attempt", attempt.ToString(CultureInfo.InvariantCulture),
                "--threads", threads.ToString(CultureInfo.InvariantCulture),
                "--log",
            ],
            run.Log);
        return new WorkerHandle(Environment.MachineName, pid, ProcessIdentity.Started(pid) ?? 0);
    }

    /// <summary>Ends a worker of this host at once.</summary>
    public static void Kill(int pid, long started)
    {
        if (!ProcessIdentity.IsAlive(pid, started)) return;
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It ended by itself meanwhile.
        }
    }
}

/// <summary>A started worker.</summary>
/// <param name="Host">Its machine.</param>
/// <param name="Pid">Its process there.</param>
/// <param name="ProcessStarted">Start of that process.</param>
public sealed record WorkerHandle(string Host, int Pid, long ProcessStarted);

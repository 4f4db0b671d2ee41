using System.Diagnostics;
using LoraArena.Core.Runs;

namespace LoraArena.Runs.Launching;

/// <summary>The process that a lease names: whether it is alive, and its end. A process that only has the same id is another's, and left alone.</summary>
public static class WorkerProcess
{
    private const string Program = "LoraArena.Worker";

    /// <summary>Silence after which contact with a worker that cannot be seen from here counts as lost.</summary>
    public static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Whether the worker of a lease is alive; null where that cannot be seen from here: on another machine, or in another container.
    /// </summary>
    /// <param name="run">Its run.</param>
    /// <param name="lease">The lease.</param>
    /// <param name="now">The time.</param>
    public static bool? IsAlive(RunFolder run, RunLease lease, DateTimeOffset now)
    {
        var here = ProcessIdentity.Machine;
        if (lease.BootId is null || here is null)
        {
            // Clock ticks since an unknown boot: the process that has them now may be anybody's.
            return lease.Host != Environment.MachineName ? null : ProcessIdentity.IsAlive(lease.Pid, lease.ProcessStarted) && IsWorkerOf(run, lease.Pid);
        }

        // The same boot and the same namespace, whatever the host is called: id and start name one process for ever.
        if (lease.BootId == here) return ProcessIdentity.IsAlive(lease.Pid, lease.ProcessStarted);

        // This machine was started again since. A heartbeat in spite of that comes from another machine of the same name.
        var silent = (now - lease.Heartbeat).Duration() > LostAfter;
        return lease.Host == Environment.MachineName && !ProcessIdentity.SameBoot(lease.BootId, here) && silent ? false : null;
    }

    /// <summary>Ends the worker of a lease at once, if it is alive on this machine and is one by its command line.</summary>
    /// <returns>True if a process was ended.</returns>
    public static bool Kill(RunFolder run, RunLease lease)
    {
        if (IsAlive(run, lease, lease.Heartbeat) != true || !IsWorkerOf(run, lease.Pid)) return false;
        try
        {
            using var process = Process.GetProcessById(lease.Pid);
            process.Kill();
            return true;
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It ended by itself meanwhile.
            return false;
        }
    }

    // Where command lines cannot be read, the start of a process is a time of day, which no other process of that id has.
    private static bool IsWorkerOf(RunFolder run, int pid)
        => ProcessIdentity.CommandLine(pid) is not { } arguments
            || (arguments.Any(a => a.Contains(Program, StringComparison.Ordinal))
                && arguments.Any(a => Path.GetFileName(Path.TrimEndingDirectorySeparator(a)) == run.Id));
}

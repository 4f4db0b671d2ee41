using LoraArena.Core.Runs;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Following;

/// <summary>Looks at a run's folder and process.</summary>
public static class RunSignsReader
{
    /// <summary>The signs of a run's present attempt.</summary>
    public static RunSigns Read(RunFolder folder, RunEntry run)
    {
        var lease = RunLease.Read(folder, run.Attempt);
        var (host, pid, started) = lease is null ? (run.Host, run.Pid, run.ProcessStarted) : (lease.Host, lease.Pid, lease.ProcessStarted);
        bool? alive = host == Environment.MachineName && pid is { } id && started is { } start ? ProcessIdentity.IsAlive(id, start) : null;

        // The result is read after the process was looked at: a worker writes it and then ends, so one that is dead has written it by now.
        return new RunSigns(ReadOrNull<RunResult>(folder.Result), ReadOrNull<RunRequest>(folder.Request), lease, alive);
    }

    private static T? ReadOrNull<T>(string path) where T : class
    {
        try
        {
            return RunFile.TryRead<T>(path);
        }
        catch (RunFileException)
        {
            return null;
        }
    }
}

using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Following;

/// <summary>What can be seen of a run's present attempt.</summary>
/// <param name="Result">result.json, where it is there.</param>
/// <param name="Request">request.json, where it is there.</param>
/// <param name="Lease">The attempt's lease, where a worker has taken it.</param>
/// <param name="Alive">Whether the process is alive; null where that cannot be seen from here (another machine, or no process known).</param>
public sealed record RunObservation(RunResult? Result, RunRequest? Request, RunLease? Lease, bool? Alive)
{
    /// <summary>Looks at a run's folder and process.</summary>
    public static RunObservation Of(RunFolder folder, RunEntry run, DateTimeOffset now)
    {
        var lease = RunLease.Read(folder, run.Attempt);
        bool? alive = (lease ?? StartedAs(run)) is { } process ? WorkerProcess.IsAlive(folder, process, now) : null;

        // The result is read after the process was looked at: a worker writes it and then ends, so one that is dead has written it by now.
        return new RunObservation(ReadOrNull<RunResult>(folder.Result), ReadOrNull<RunRequest>(folder.Request), lease, alive);
    }

    /// <summary>The worker as it was started, before it has taken its lease; null where that is not known.</summary>
    public static RunLease? StartedAs(RunEntry run)
    {
        if (run is not { Host: { } host, Pid: { } pid, ProcessStarted: { } started }) return null;
        var began = DateTimeOffset.FromUnixTimeMilliseconds(run.AttemptMs ?? run.QueuedMs);
        return new RunLease(run.Attempt, host, pid, started, null, began, began) { BootId = run.BootId };
    }

    private static T? ReadOrNull<T>(string path) where T : class
    {
        try
        {
            return JsonFile.TryRead<T>(path);
        }
        catch (JsonFileException)
        {
            return null;
        }
    }
}

using System.Text.Json;
using LoraArena.Core.Files;
using LoraArena.Core.Json;

namespace LoraArena.Core.Runs;

/// <summary>Says which process works on an attempt, and that it is alive.</summary>
/// <param name="Attempt">The attempt.</param>
/// <param name="Host">Name of the machine.</param>
/// <param name="Pid">Process id there.</param>
/// <param name="ProcessStarted">The process's start time as its operating system counts it: tells it from a later process of the same id.</param>
/// <param name="JobId">Id in a scheduler, where one started it.</param>
/// <param name="Started">When the attempt began.</param>
/// <param name="Heartbeat">When the worker last said that it is alive.</param>
public sealed record RunLease(int Attempt, string Host, int Pid, long ProcessStarted, string? JobId, DateTimeOffset Started, DateTimeOffset Heartbeat)
{
    /// <summary>The boot and the namespace of process ids in which the process id counts, as <see cref="ProcessIdentity.Machine"/> names them.</summary>
    public string? BootId { get; init; }

    /// <summary>
    /// Takes an attempt. Of two workers that are given the same one, exactly one gets it.
    /// </summary>
    /// <exception cref="AttemptTakenException">Another worker has it, or a later attempt has begun.</exception>
    public void Take(RunFolder folder)
    {
        Directory.CreateDirectory(folder.Attempt(Attempt));
        try
        {
            using var file = new FileStream(folder.Lease(Attempt), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
            JsonSerializer.Serialize(file, this, ArenaJson.Indented);
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (File.Exists(folder.Lease(Attempt)))
        {
            throw new AttemptTakenException($"Attempt {Attempt} of run {folder.Id} is taken by another worker.");
        }

        if (folder.LastAttempt() > Attempt)
        {
            throw new AttemptTakenException($"Attempt {Attempt} of run {folder.Id} came too late: attempt {folder.LastAttempt()} has begun.");
        }
    }

    /// <summary>Says that the worker is alive.</summary>
    public void Renew(RunFolder folder, DateTimeOffset now) => AtomicFile.WriteJson(folder.Lease(Attempt), this with { Heartbeat = now });

    /// <summary>The lease of an attempt, or null where no worker has taken it (or is just taking it).</summary>
    public static RunLease? Read(RunFolder folder, int attempt)
    {
        try
        {
            return JsonFile.TryRead<RunLease>(folder.Lease(attempt));
        }
        catch (JsonFileException)
        {
            return null;
        }
    }
}

/// <summary>The attempt belongs to another worker, or a later one has begun: this worker must not write any more.</summary>
public sealed class AttemptTakenException(string message) : Exception(message);

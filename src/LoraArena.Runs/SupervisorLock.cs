using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Runs;

/// <summary>
/// Held by the one process of an arena that starts workers and writes what becomes of them. The operating system lets go of it when the
/// process ends, however it ends.
/// </summary>
public sealed class SupervisorLock : IDisposable
{
    private readonly FileStream _file;

    private SupervisorLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; null where another process has it.</summary>
    /// <param name="folder">The arena.</param>
    /// <param name="kind">What takes it; others may ask by <see cref="Holder"/>.</param>
    public static SupervisorLock? TryTake(ArenaFolder folder, SupervisorKind kind = SupervisorKind.Command)
    {
        if (TryOpen(folder) is not { } file) return null;
        try
        {
            AtomicFile.WriteJson(HolderPath(folder), new SupervisorInfo(Environment.ProcessId, Environment.MachineName, kind));
        }
        catch (IOException)
        {
            // Who has it is for people only; on a full disk the lock holds without.
        }

        return new SupervisorLock(file);
    }

    /// <summary>Which process has the lock; null where none has.</summary>
    public static SupervisorInfo? Holder(ArenaFolder folder)
    {
        if (TryOpen(folder) is { } free)
        {
            free.Dispose();
            return null;
        }

        try
        {
            return JsonFile.TryRead<SupervisorInfo>(HolderPath(folder)) ?? SupervisorInfo.Unknown;
        }
        catch (JsonFileException)
        {
            return SupervisorInfo.Unknown;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // On Unix FileShare.None alone is a lock that excludes: every other way of sharing is a shared flock, which any number of processes may hold.
    private static FileStream? TryOpen(ArenaFolder folder)
    {
        try
        {
            return new FileStream(folder.SupervisorLock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
        }
        catch (IOException error) when (FileLock.IsHeld(error))
        {
            return null;
        }
    }

    private static string HolderPath(ArenaFolder folder) => folder.SupervisorLock + ".json";
}

/// <summary>What supervises the runs of an arena.</summary>
public enum SupervisorKind
{
    /// <summary>A command, which lets go when it has done what it was asked for.</summary>
    Command,

    /// <summary>A command that follows a run, and supervises all for as long.</summary>
    Watch,

    /// <summary>The server.</summary>
    Server,
}

/// <summary>The process that supervises an arena.</summary>
/// <param name="Pid">Its id.</param>
/// <param name="Host">Its machine.</param>
/// <param name="Kind">What it is.</param>
public sealed record SupervisorInfo(int Pid, string Host, SupervisorKind Kind)
{
    internal static SupervisorInfo Unknown { get; } = new(0, "", SupervisorKind.Command);
}

using LoraArena.Core.Files;

namespace LoraArena.Runs;

/// <summary>
/// Keeps the arena's runs going, for as long as a process wants to and only where no other does: the server all the time, a command while it
/// waits for a run. The operating system hands the lock on when this process ends; workers live on.
/// </summary>
public sealed class Supervision(ArenaFolder folder, RunIndex index, RunSupervisor supervisor, SupervisorKind kind) : IDisposable
{
    private SupervisorLock? _lock;

    /// <summary>True where this process is the supervisor.</summary>
    public bool Holds => _lock is not null;

    /// <summary>Supervises all runs once, or tries to become the one who does.</summary>
    /// <returns>True where this process supervises.</returns>
    public Task<bool> PassAsync(CancellationToken cancel) => PassAsync(supervisor.PassAsync, cancel);

    /// <summary>Writes down once what became of the runs, and starts nothing.</summary>
    /// <returns>True where this process did it, false where another supervises.</returns>
    public Task<bool> ObserveAsync(CancellationToken cancel) => PassAsync(supervisor.ObserveAllAsync, cancel);

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();

    private async Task<bool> PassAsync(Func<CancellationToken, Task> pass, CancellationToken cancel)
    {
        _lock ??= SupervisorLock.TryTake(folder, kind);
        if (_lock is null) return false;

        // Again at every pass until it has gone well, and whenever something has come.
        await index.CatchUpIfChangedAsync(cancel);
        await pass(cancel);
        return true;
    }
}

using LoraArena.Core.Files;
using LoraArena.Runs.Trials;

namespace LoraArena.Runs;

/// <summary>
/// Keeps the arena's trials and runs going, for as long as a process wants to and only where no other does: the server all the time, a command while it
/// waits for a run. The operating system hands the lock on when this process ends; workers live on.
/// </summary>
public sealed class Supervision(ArenaFolder folder, RunIndex index, TrialLoop trials, RunSupervisor supervisor, SupervisorKind kind) : IDisposable
{
    private SupervisorLock? _lock;

    /// <summary>True where this process is the supervisor.</summary>
    public bool Holds => _lock is not null;

    /// <summary>Moves all trials on and supervises all runs once, or tries to become the one who does.</summary>
    /// <returns>True where this process supervises.</returns>
    public Task<bool> PassAsync(CancellationToken cancel) => PassAsync(MoveOnAsync, cancel);

    /// <summary>Writes down once what became of the runs, and starts nothing.</summary>
    /// <returns>True where this process did it, false where another supervises.</returns>
    public Task<bool> ObserveAsync(CancellationToken cancel) => PassAsync(supervisor.ObserveAllAsync, cancel);

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();

    // Trials first: what they queue can then be started at once.
    private async Task MoveOnAsync(CancellationToken cancel)
    {
        await trials.PassAsync(cancel);
        await supervisor.PassAsync(cancel);
    }

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

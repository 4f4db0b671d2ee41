using LoraArena.Runs;
using LoraArena.Runs.Trials;

namespace LoraArena.Cli.Running;

/// <summary>
/// Keeps the arena's runs going while a command waits for one: as the server would, in order, and only where no other process does.
/// The operating system hands the lock on when this process ends; workers live on.
/// </summary>
internal sealed class Supervision(ArenaServices arena) : IDisposable
{
    private SupervisorLock? _lock;

    /// <summary>True where this process is the supervisor.</summary>
    public bool Holds => _lock is not null;

    /// <summary>Looks after all runs once, or tries to become the one who does.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        if (_lock is null)
        {
            _lock = SupervisorLock.TryTake(arena.Folder);
            if (_lock is null) return;
            await arena.Get<RunIndex>().CatchUpAsync(cancel);
        }

        await arena.Get<TrialLoop>().PassAsync(cancel);
        await arena.Get<RunSupervisor>().PassAsync(cancel);
    }

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();
}

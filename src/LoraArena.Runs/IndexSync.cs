using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs;

/// <summary>
/// Keeps the index in step with the folders while the app runs. The order of every write is: first the folder, which is the truth, then the
/// index. Where the second cannot be written now, the deed is done all the same, and whoever looks next takes it in.
/// </summary>
public sealed class IndexSync(RunIndex folders, ArenaStore store, ILogger<IndexSync> log)
{
    /// <summary>Writes a competition that is on disk into the index.</summary>
    public Task PutAsync(Competition competition, CancellationToken cancel = default)
        => TryWriteAsync($"competition '{competition.Name}'", () => store.PutAsync(competition, cancel));

    /// <summary>Writes the card of a base model that is on disk into the index.</summary>
    public Task PutAsync(ModelCard card, CancellationToken cancel = default)
        => TryWriteAsync($"model '{card.Name}'", () => store.PutAsync(card, cancel));

    /// <summary>Adds a run whose folder is there to the index.</summary>
    public Task AddAsync(RunEntry run, CancellationToken cancel = default) => TryWriteAsync($"run {run.Id}", () => folders.AddOnceAsync(run, cancel));

    /// <summary>Takes in what is in the folders and not in the index. Costs next to nothing where nothing has changed.</summary>
    /// <returns>False if the database was busy for too long; what is missing is taken in another time.</returns>
    public async Task<bool> TryLookAsync(CancellationToken cancel = default)
    {
        try
        {
            await LookAsync(cancel);
            return true;
        }
        catch (Exception error) when (IsOfTheDatabase(error))
        {
            log.LogWarning(error, "The index could not be brought up to date");
            return false;
        }
    }

    /// <summary>As <see cref="TryLookAsync"/>, for whoever cannot go on without.</summary>
    /// <exception cref="SqliteException">The database was busy for too long.</exception>
    public Task LookAsync(CancellationToken cancel = default) => folders.CatchUpIfChangedAsync(cancel);

    /// <summary>A run by its id. Where the index does not know it, the folders are looked at first.</summary>
    /// <returns>Null where there is no such run, and where the id is none.</returns>
    /// <exception cref="SqliteException">The database was busy for too long.</exception>
    public Task<RunEntry?> FindRunAsync(string id, CancellationToken cancel = default) => FindAsync(id, store.RunAsync, cancel);

    /// <summary>A competition by its id. Where the index does not know it, the folders are looked at first.</summary>
    /// <returns>Null where there is no such competition, and where the id is none.</returns>
    /// <exception cref="SqliteException">The database was busy for too long.</exception>
    public Task<Competition?> FindCompetitionAsync(string id, CancellationToken cancel = default) => FindAsync(id, store.CompetitionAsync, cancel);

    private async Task<T?> FindAsync<T>(string id, Func<string, CancellationToken, Task<T?>> find, CancellationToken cancel) where T : class
    {
        if (!ArenaId.IsValid(id)) return null;
        if (await find(id, cancel) is { } known) return known;
        await LookAsync(cancel);
        return await find(id, cancel);
    }

    private async Task TryWriteAsync(string what, Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (Exception error) when (IsOfTheDatabase(error))
        {
            log.LogWarning(error, "The {What} is on disk but could not be written into the index; whoever looks next takes it in", what);
        }
    }

    private static bool IsOfTheDatabase(Exception error) => error is SqliteException or DbUpdateException;
}

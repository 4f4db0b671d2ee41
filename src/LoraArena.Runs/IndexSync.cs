using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
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
public sealed class IndexSync(ArenaFolder folder, ArenaStore store, TimeProvider time, ILogger<IndexSync> log) : IDisposable
{
    private const int SqliteConstraint = 19;

    // Clocks of file systems are coarse: what was written a moment ago may be written again without a later time.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Dictionary<string, DateTime> _taken = new(StringComparer.Ordinal);

    /// <summary>Writes a competition that is on disk into the index.</summary>
    public Task PutAsync(Competition competition, CancellationToken cancel = default)
        => TryWriteAsync($"competition '{competition.Name}'", () => store.PutAsync(competition, cancel));

    /// <summary>Writes the card of a base model that is on disk into the index.</summary>
    public Task PutAsync(ModelCard card, CancellationToken cancel = default)
        => TryWriteAsync($"model '{card.Name}'", () => store.PutAsync(card, cancel));

    /// <summary>Adds a run whose folder is there to the index.</summary>
    public Task AddAsync(RunEntry run, CancellationToken cancel = default) => TryWriteAsync($"run {run.Id}", () => AddOnceAsync(run, cancel));

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
    public async Task LookAsync(CancellationToken cancel = default)
    {
        await _one.WaitAsync(cancel);
        try
        {
            foreach (var id in Ids(Directory.EnumerateDirectories(folder.Competitions)))
            {
                var path = Path.Join(folder.Competition(id), "competition.json");
                await TakeAsync<Competition>(path, competition => store.PutAsync(competition, cancel));
            }

            await TakeModelsAsync(cancel);
            await TakeRunsAsync(cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private async Task TakeModelsAsync(CancellationToken cancel)
    {
        foreach (var path in Directory.EnumerateFiles(folder.Models, "*.json")) await TakeAsync<ModelCard>(path, card => store.PutAsync(card, cancel));

        // A card that has gone was removed: its entry goes too.
        foreach (var card in (await store.ModelsAsync(cancel)).Where(card => !File.Exists(folder.ModelCard(card.Id)))) await store.RemoveModelAsync(card.Id, cancel);
    }

    private async Task TakeRunsAsync(CancellationToken cancel)
    {
        var written = Directory.GetLastWriteTimeUtc(folder.Runs);
        if (IsTaken(folder.Runs, written)) return;
        var known = await store.RunIdsAsync(cancel);
        foreach (var id in Ids(Directory.EnumerateDirectories(folder.Runs)).Where(id => !known.Contains(id)))
        {
            var run = folder.Run(id);
            if (Read(run.Spec, path => RunIndex.EntryOf(RunSpec.Read(path), run)) is { } entry) await AddOnceAsync(entry, cancel);
        }

        Remember(folder.Runs, written);
    }

    private async Task TakeAsync<T>(string path, Func<T, Task> put) where T : class
    {
        var written = File.GetLastWriteTimeUtc(path);
        if (IsTaken(path, written)) return;
        if (Read(path, RunFile.Read<T>) is { } value) await put(value);
        Remember(path, written);
    }

    private bool IsTaken(string path, DateTime written) => _taken.TryGetValue(path, out var taken) && taken == written;

    private void Remember(string path, DateTime written)
    {
        if (time.GetUtcNow().UtcDateTime - written > Settled) _taken[path] = written;
    }

    private T? Read<T>(string path, Func<string, T> read) where T : class
    {
        try
        {
            return File.Exists(path) ? read(path) : null;
        }
        catch (Exception error) when (error is RunFileException or IOException or UnauthorizedAccessException)
        {
            // One that cannot be read does not keep the others out.
            log.LogError("{Reason}", error.Message);
            return null;
        }
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

    // Somebody who looked meanwhile may have taken it in.
    private async Task AddOnceAsync(RunEntry run, CancellationToken cancel)
    {
        try
        {
            await store.AddAsync(run, cancel);
        }
        catch (DbUpdateException error) when (error.InnerException is SqliteException { SqliteErrorCode: SqliteConstraint })
        {
            log.LogDebug("Run {Run} is in the index already", run.Id);
        }
    }

    private static IEnumerable<string> Ids(IEnumerable<string> folders) => folders.Select(path => Path.GetFileName(path)!).Where(ArenaId.IsValid);

    private static bool IsOfTheDatabase(Exception error) => error is SqliteException or DbUpdateException;
}

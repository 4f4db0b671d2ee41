using System.Text.Json;
using LoraArena.Core.Competitions;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Storage;

/// <summary>Questions to the index, and its updates. One database context an operation.</summary>
/// <param name="databases">Makes contexts.</param>
public sealed class ArenaStore(IDbContextFactory<ArenaDb> databases)
{
    private static readonly string[] ActiveStates = [RunState.Starting.Name, RunState.Running.Name, RunState.Interrupted.Name];

    /// <summary>All competitions, newest first.</summary>
    public async Task<IReadOnlyList<Competition>> CompetitionsAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var entries = await db.Competitions.AsNoTracking().OrderByDescending(c => c.CreatedMs).Select(c => c.Json).ToListAsync(cancel);
        return [.. entries.Select(json => JsonSerializer.Deserialize<Competition>(json, ArenaJson.Line)!)];
    }

    /// <summary>A competition by id; null where there is none.</summary>
    public async Task<Competition?> CompetitionAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Competitions.AsNoTracking().FirstOrDefaultAsync(c => c.Id == id, cancel) is { } entry
            ? JsonSerializer.Deserialize<Competition>(entry.Json, ArenaJson.Line)
            : null;
    }

    /// <summary>Takes a competition into the index, or updates it.</summary>
    public async Task PutAsync(Competition competition, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var json = JsonSerializer.Serialize(competition, ArenaJson.Line);

        // One statement, as several processes may put the same competition at once.
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "Competitions" ("Id", "Name", "CreatedMs", "Json") VALUES ({competition.Id}, {competition.Name}, {competition.Created.ToUnixTimeMilliseconds()}, {json})
            ON CONFLICT ("Id") DO UPDATE SET "Name" = excluded."Name", "Json" = excluded."Json"
            """,
            cancel);
    }

    /// <summary>All base models, by name.</summary>
    public async Task<IReadOnlyList<ModelCard>> ModelsAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var entries = await db.Models.AsNoTracking().OrderBy(m => m.Name).Select(m => m.Json).ToListAsync(cancel);
        return [.. entries.Select(json => JsonSerializer.Deserialize<ModelCard>(json, ArenaJson.Line)!)];
    }

    /// <summary>Takes a base model into the index, or updates it.</summary>
    public async Task PutAsync(ModelCard card, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var json = JsonSerializer.Serialize(card, ArenaJson.Line);
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "Models" ("Id", "Name", "AddedMs", "Json") VALUES ({card.Id}, {card.Name}, {card.Added.ToUnixTimeMilliseconds()}, {json})
            ON CONFLICT ("Id") DO UPDATE SET "Name" = excluded."Name", "Json" = excluded."Json"
            """,
            cancel);
    }

    /// <summary>Takes a base model out of the index.</summary>
    public async Task RemoveModelAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Models.Where(m => m.Id == id).ExecuteDeleteAsync(cancel);
    }

    /// <summary>A run by id; null where there is none.</summary>
    public async Task<RunEntry?> RunAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().FirstOrDefaultAsync(r => r.Id == id, cancel);
    }

    /// <summary>Newest runs, of one competition or of all.</summary>
    public async Task<IReadOnlyList<RunEntry>> RunsAsync(string? competitionId, int take, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var runs = db.Runs.AsNoTracking();
        if (competitionId is not null) runs = runs.Where(r => r.CompetitionId == competitionId);
        return await runs.OrderByDescending(r => r.CreatedMs).Take(take).ToListAsync(cancel);
    }

    /// <summary>Names of the runs of a competition.</summary>
    public async Task<IReadOnlySet<string>> RunNamesAsync(string competitionId, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return (await db.Runs.AsNoTracking()
            .Where(r => r.CompetitionId == competitionId)
            .Select(r => r.Name)
            .ToListAsync(cancel)).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>How many runs an account has started.</summary>
    public async Task<int> CountRunsOfAsync(string owner, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.CountAsync(r => r.Owner == owner, cancel);
    }

    /// <summary>Runs of a competition that have succeeded on the same rows, best first.</summary>
    public async Task<IReadOnlyList<RunEntry>> SucceededAsync(string competitionId, string splitKey, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking()
            .Where(r => r.CompetitionId == competitionId && r.SplitKey == splitKey && r.State == RunState.Succeeded.Name)
            .OrderBy(r => r.LogLoss)
            .ToListAsync(cancel);
    }

    /// <summary>Ids of the runs of a competition that have succeeded on the same rows.</summary>
    public async Task<IReadOnlyList<string>> SucceededIdsAsync(string competitionId, string splitKey, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking()
            .Where(r => r.CompetitionId == competitionId && r.SplitKey == splitKey && r.State == RunState.Succeeded.Name)
            .OrderBy(r => r.Id)
            .Select(r => r.Id)
            .ToListAsync(cancel);
    }

    /// <summary>Runs by their ids; those that are not there are left out.</summary>
    public async Task<IReadOnlyList<RunEntry>> RunsByIdAsync(IReadOnlyList<string> ids, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().Where(r => ids.Contains(r.Id)).ToListAsync(cancel);
    }

    /// <summary>Runs that are being started, trained, or were interrupted.</summary>
    public async Task<IReadOnlyList<RunEntry>> ActiveAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().Where(r => ActiveStates.Contains(r.State)).OrderBy(r => r.QueuedMs).ToListAsync(cancel);
    }

    /// <summary>The queue: what waits, in the order in which it will be taken.</summary>
    public async Task<IReadOnlyList<RunEntry>> QueuedAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().Where(r => r.State == RunState.Queued.Name).OrderBy(r => r.QueuedMs).ThenBy(r => r.Id).ToListAsync(cancel);
    }

    /// <summary>Ids of all runs in the index.</summary>
    public async Task<IReadOnlySet<string>> RunIdsAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return (await db.Runs.AsNoTracking().Select(r => r.Id).ToListAsync(cancel)).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Adds a run. One that is there already, because another process has found its folder, stays as it is.</summary>
    public async Task AddAsync(RunEntry run, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);

        // The transaction begins as a write, so nobody adds the run between the question and the answer.
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        if (await db.Runs.AnyAsync(r => r.Id == run.Id, cancel)) return;
        db.Runs.Add(run);
        await db.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Takes a run out of the index.</summary>
    public async Task RemoveRunAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Runs.Where(r => r.Id == id).ExecuteDeleteAsync(cancel);
    }

    /// <summary>Takes a competition out of the index; its runs stay.</summary>
    public async Task RemoveCompetitionAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Competitions.Where(c => c.Id == id).ExecuteDeleteAsync(cancel);
    }

    /// <summary>Ids of the runs of a competition that have failed on the same rows, or were stopped there: what they cost belongs on the board.</summary>
    public async Task<IReadOnlyList<string>> EndedWithoutSuccessIdsAsync(string competitionId, string splitKey, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking()
            .Where(r => r.CompetitionId == competitionId && r.SplitKey == splitKey && (r.State == RunState.Failed.Name || r.State == RunState.Stopped.Name))
            .OrderBy(r => r.Id)
            .Select(r => r.Id)
            .ToListAsync(cancel);
    }

    /// <summary>
    /// Begins the next attempt of a run: one statement that names the state and attempt it expects, so of several that try, one wins.
    /// </summary>
    /// <returns>True if this call won.</returns>
    public async Task<bool> TryBeginAttemptAsync(RunEntry run, long nowMs, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var changed = await db.Runs
            .Where(r => r.Id == run.Id && r.Attempt == run.Attempt && (r.State == RunState.Queued.Name || r.State == RunState.Interrupted.Name))
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(r => r.State, RunState.Starting.Name)
                    .SetProperty(r => r.Attempt, r => r.Attempt + 1)
                    .SetProperty(r => r.AttemptMs, nowMs)
                    .SetProperty(r => r.Host, (string?)null)
                    .SetProperty(r => r.Pid, (int?)null)
                    .SetProperty(r => r.ProcessStarted, (long?)null)
                    .SetProperty(r => r.BootId, (string?)null)
                    .SetProperty(r => r.Device, (string?)null)
                    .SetProperty(r => r.Flag, (string?)null)
                    .SetProperty(r => r.Reason, (string?)null)
                    .SetProperty(r => r.Phase, (string?)null),
                cancel);
        return changed == 1;
    }

    /// <summary>
    /// Changes a run, if it still has the state and attempt that the caller saw. The change may set anything but the id.
    /// </summary>
    /// <returns>False if somebody else was faster; nothing is changed then.</returns>
    public async Task<bool> TryUpdateAsync(RunEntry seen, Action<RunEntry> change, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        var run = await db.Runs.FirstOrDefaultAsync(r => r.Id == seen.Id && r.State == seen.State && r.Attempt == seen.Attempt, cancel);
        if (run is null) return false;
        change(run);
        await db.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }
}

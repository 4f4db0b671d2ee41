using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Boards;
using LoraArena.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Storage;

namespace LoraArena.Web.Components.Boards;

/// <summary>Reads boards for pages and exports: which runs have succeeded is asked of the index, what they scored is in their folders.</summary>
/// <param name="reader">Reads the folders.</param>
/// <param name="store">The index.</param>
/// <param name="worker">Names of variants and defaults of options.</param>
public sealed class BoardLoader(BoardReader reader, ArenaStore store, WorkerCatalog worker)
{
    /// <summary>The worker's description; null where it cannot be asked, which no board has to wait for.</summary>
    public async Task<WorkerDescription?> DescribeAsync(CancellationToken cancel)
    {
        try
        {
            return await worker.DescribeAsync(cancel);
        }
        catch (WorkerException)
        {
            return null;
        }
    }

    /// <summary>The board of a view.</summary>
    /// <exception cref="Data.Competitions.CompetitionException">There is no training data, or no such split.</exception>
    /// <exception cref="Data.Splits.SplitException">The split has no such fold.</exception>
    public async Task<Board> ReadAsync(Competition competition, BoardQuery query, CancellationToken cancel)
    {
        var description = await DescribeAsync(cancel);
        var parts = await Task.Run(() => reader.PartsOf(competition, query), cancel);
        var runs = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var failed = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var key in parts.Select(RunIndex.SplitKey))
        {
            runs[key] = await store.SucceededIdsAsync(competition.Id, key, cancel);
            failed[key] = await store.EndedWithoutSuccessIdsAsync(competition.Id, key, cancel);
        }

        return await Task.Run(
            () => reader.Read(competition, query, part => runs[RunIndex.SplitKey(part)], part => failed[RunIndex.SplitKey(part)], description, cancel),
            cancel);
    }
}

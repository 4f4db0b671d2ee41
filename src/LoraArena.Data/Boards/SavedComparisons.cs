using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Data.Boards;

/// <summary>A view of a board that somebody has kept.</summary>
/// <param name="Id">Names it.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Query">The view, as in an address.</param>
/// <param name="Note">What it shows.</param>
/// <param name="Tags">Words to find it by.</param>
/// <param name="Author">Who kept it.</param>
/// <param name="Created">When it was created, UTC.</param>
public sealed record SavedComparison(string Id, string Name, string Query, string Note, IReadOnlyList<string> Tags, string Author, DateTimeOffset Created);

/// <summary>The kept views of competitions: the file comparisons.json of each.</summary>
/// <param name="arena">The arena.</param>
/// <param name="time">The clock.</param>
public sealed class SavedComparisons(ArenaFolder arena, TimeProvider time)
{
    private const int MaxNameCharacters = 100;
    private readonly Lock _lock = new();

    /// <summary>The views of a competition, the newest first.</summary>
    /// <exception cref="JsonFileException">comparisons.json is damaged; nothing is written over it.</exception>
    public IReadOnlyList<SavedComparison> List(string competitionId) => JsonFile.TryRead<File>(PathOf(competitionId))?.Comparisons ?? [];

    /// <summary>Keeps a view.</summary>
    /// <returns>All views.</returns>
    /// <exception cref="FormatException">The name cannot be used.</exception>
    public IReadOnlyList<SavedComparison> Add(string competitionId, string name, BoardQuery query, RunNotes notes, string author)
    {
        name = name.Trim();
        if (name.Length is 0 or > MaxNameCharacters || name.Any(char.IsControl))
        {
            throw new FormatException(FormattableString.Invariant($"A name has 1 to {MaxNameCharacters} visible characters."));
        }

        return Change(
            competitionId,
            all => [new SavedComparison(ArenaId.New(time), name, query.ToQueryString(), notes.Note, notes.Tags, author, time.GetUtcNow()), .. all]);
    }

    /// <summary>Forgets a view.</summary>
    /// <returns>All views that are left.</returns>
    public IReadOnlyList<SavedComparison> Remove(string competitionId, string id) => Change(competitionId, all => [.. all.Where(c => c.Id != id)]);

    private IReadOnlyList<SavedComparison> Change(string competitionId, Func<IReadOnlyList<SavedComparison>, IReadOnlyList<SavedComparison>> change)
    {
        lock (_lock)
        {
            var changed = change(List(competitionId));
            AtomicFile.WriteJson(PathOf(competitionId), new File(changed));
            return changed;
        }
    }

    private string PathOf(string competitionId) => Path.Join(arena.Competition(competitionId), "comparisons.json");

    private sealed record File(IReadOnlyList<SavedComparison> Comparisons);
}

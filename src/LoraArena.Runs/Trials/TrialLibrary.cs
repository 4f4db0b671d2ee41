using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;

namespace LoraArena.Runs.Trials;

/// <summary>The trials of an arena, on disk.</summary>
/// <param name="arena">The arena.</param>
public sealed class TrialLibrary(ArenaFolder arena)
{
    /// <summary>All trials, the newest first; a damaged one is left out.</summary>
    /// <param name="competitionId">Only those of one competition; null lists all.</param>
    public IReadOnlyList<Trial> List(string? competitionId = null)
        => [.. Ids().Select(TryRead).OfType<Trial>().Where(t => competitionId is null || t.Competition.Id == competitionId)];

    /// <summary>Ids of all trials, the newest first.</summary>
    public IReadOnlyList<string> Ids()
    {
        if (!Directory.Exists(arena.Trials)) return [];
        return [.. Directory.EnumerateDirectories(arena.Trials)
            .Select(Path.GetFileName)
            .OfType<string>()
            .Where(ArenaId.IsValid)
            .OrderDescending(StringComparer.Ordinal)];
    }

    /// <summary>A trial; null where there is none, or its file is damaged.</summary>
    public Trial? TryRead(string id)
    {
        try
        {
            return Read(id);
        }
        catch (JsonFileException)
        {
            return null;
        }
    }

    /// <summary>A trial; null where there is none.</summary>
    /// <exception cref="JsonFileException">Its file is damaged.</exception>
    public Trial? Read(string id) => ArenaId.IsValid(id) ? JsonFile.TryRead<Trial>(FileOf(id, Trial.FileName)) : null;

    /// <summary>The trials that go by an id or a name. A beginning of an id names none: a trial's runs begin as it does.</summary>
    public IReadOnlyList<Trial> Find(string named) => TryRead(named) is { } exact ? [exact] : [.. List().Where(t => t.Plan.Name == named)];

    /// <summary>Writes a new trial: it is there whole, or not at all.</summary>
    public void Add(Trial trial)
    {
        var folder = Path.Join(arena.Uploads, trial.Id);
        Directory.CreateDirectory(folder);
        AtomicFile.WriteJson(Path.Join(folder, Trial.FileName), trial);
        AtomicFile.PublishFolder(folder, arena.Trial(trial.Id));
    }

    /// <summary>The learning rates that the tries led to; null before.</summary>
    public ChosenRates? ReadChosen(string id) => JsonFile.TryRead<ChosenRates>(FileOf(id, Trial.ChosenName));

    /// <summary>Writes them.</summary>
    public void WriteChosen(string id, ChosenRates chosen) => AtomicFile.WriteJson(FileOf(id, Trial.ChosenName), chosen);

    /// <summary>True where nothing more is to be started.</summary>
    public bool IsCancelled(string id) => File.Exists(FileOf(id, Trial.CancelledName));

    /// <summary>Ends a trial: what runs is asked to stop elsewhere, what has not begun never will.</summary>
    public void Cancel(string id, string by, DateTimeOffset at) => AtomicFile.WriteJson(FileOf(id, Trial.CancelledName), new { by, at });

    /// <summary>Ids of the runs of a trial that were deleted.</summary>
    public IReadOnlySet<string> DeletedRuns(string id)
    {
        var path = FileOf(id, Trial.DeletedName);
        return Directory.Exists(path)
            ? Directory.EnumerateFiles(path).Select(file => Path.GetFileName(file)).ToHashSet(StringComparer.Ordinal)
            : new HashSet<string>();
    }

    /// <summary>Writes down that a run of a trial is about to be deleted, so that it is not taken for one that has still to be started.</summary>
    public void MarkDeleted(string id, string run)
    {
        if (!Directory.Exists(arena.Trial(id))) return;
        Directory.CreateDirectory(FileOf(id, Trial.DeletedName));
        File.Create(Path.Join(FileOf(id, Trial.DeletedName), run)).Dispose();
    }

    private string FileOf(string id, string name) => Path.Join(arena.Trial(id), name);
}

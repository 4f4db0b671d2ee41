using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>
/// What is odd about a competition's files beside one another. It is worked out once for the files that there are and kept in notes.json, so
/// that nobody who looks at the competition waits for it.
/// </summary>
internal sealed class CompetitionFiles(string folder, DataSets dataSets)
{
    private string NotesPath => Path.Join(folder, "notes.json");

    /// <summary>The notes on the files of a competition.</summary>
    public IReadOnlyList<string> Notes(Competition competition)
    {
        if (competition.Files.Count < 2) return [];
        var key = string.Join(' ', competition.Files.OrderBy(file => file.Role).Select(file => $"{file.Role}:{file.Sha256}"));
        if (JsonFile.TryReadDerived<StoredNotes>(NotesPath) is { } stored && stored.Files == key) return stored.Notes;
        var notes = Compare(Ids(FileRole.Train), Ids(FileRole.Test), Ids(FileRole.Sample));
        AtomicFile.WriteJson(NotesPath, new StoredNotes(key, notes));
        return notes;

        IReadOnlyList<string> Ids(FileRole role)
            => competition.File(role) is not { } file ? []
                : [.. dataSets.ListRows(file.Sha256, role).Where(row => row.IsAccepted || role != FileRole.Train).Select(row => row.Id)];
    }

    /// <summary>What is odd; empty lists stand for files that are not there.</summary>
    public static IReadOnlyList<string> Compare(IReadOnlyList<string> train, IReadOnlyList<string> test, IReadOnlyList<string> sample)
    {
        var notes = new List<string>();
        var inTest = test.ToHashSet(StringComparer.Ordinal);
        AddNote(notes, train.Where(inTest.Contains).ToList(), "of train.csv", "in test.csv too: if their rows are the same, scores on them are worthless");
        if (test.Count == 0 || sample.Count == 0) return notes;

        var inSample = sample.ToHashSet(StringComparer.Ordinal);
        AddNote(notes, sample.Where(id => !inTest.Contains(id)).ToList(), "of the sample submission", "not in test.csv: a submission cannot be complete");
        AddNote(notes, test.Where(id => !inSample.Contains(id)).ToList(), "of test.csv", "not in the sample submission: submissions leave them out");
        if (inTest.SetEquals(inSample) && !test.SequenceEqual(sample, StringComparer.Ordinal))
        {
            notes.Add("The sample submission has the ids of test.csv in another order; submissions follow the sample.");
        }

        return notes;
    }

    private static void AddNote(List<string> notes, List<string> ids, string whose, string what)
    {
        if (ids.Count == 0) return;
        var (noun, verb) = ids.Count == 1 ? ("id", "is") : ("ids", "are");
        notes.Add(Invariant($"{ids.Count:N0} {noun} {whose} {verb} {what} ({CellText.FirstFew(ids)})."));
    }

    /// <summary>The file notes.json.</summary>
    /// <param name="Files">The files that the notes are about.</param>
    /// <param name="Notes">The notes.</param>
    private sealed record StoredNotes(string Files, IReadOnlyList<string> Notes);
}

using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>Compares the files of one competition by their ids.</summary>
internal static class CompetitionFiles
{
    /// <summary>What is odd; empty lists stand for files that are not there.</summary>
    public static IReadOnlyList<string> Compare(IReadOnlyList<string> train, IReadOnlyList<string> test, IReadOnlyList<string> sample)
    {
        var notes = new List<string>();
        var inTest = test.ToHashSet(StringComparer.Ordinal);
        Note(notes, train.Where(inTest.Contains).ToList(), "of train.csv", "in test.csv too: if their rows are the same, scores on them are worthless");
        if (test.Count == 0 || sample.Count == 0) return notes;

        var inSample = sample.ToHashSet(StringComparer.Ordinal);
        Note(notes, sample.Where(id => !inTest.Contains(id)).ToList(), "of the sample submission", "not in test.csv: a submission cannot be complete");
        Note(notes, test.Where(id => !inSample.Contains(id)).ToList(), "of test.csv", "not in the sample submission: submissions leave them out");
        if (inTest.SetEquals(inSample) && !test.SequenceEqual(sample, StringComparer.Ordinal))
        {
            notes.Add("The sample submission has the ids of test.csv in another order; submissions follow the sample.");
        }

        return notes;
    }

    private static void Note(List<string> notes, List<string> ids, string whose, string what)
    {
        if (ids.Count == 0) return;
        var (noun, verb) = ids.Count == 1 ? ("id", "is") : ("ids", "are");
        notes.Add(Invariant($"{ids.Count:N0} {noun} {whose} {verb} {what} ({CellText.FirstFew(ids)})."));
    }
}

using LoraArena.Core.Competitions;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Submissions;

/// <summary>Which rows a submission must have: those of the sample submission, else those of test.csv as the file has them, usable or not.</summary>
/// <param name="Ids">Ids in order.</param>
/// <param name="FollowsSample">True where they are the sample's.</param>
/// <param name="Misfit">Where the sample does not fit test.csv, a sentence that says so.</param>
public sealed record SubmissionForm(IReadOnlyList<string> Ids, bool FollowsSample, string? Misfit)
{
    /// <summary>The form that a competition takes; null where it has neither a sample submission nor test data.</summary>
    /// <param name="library">The competitions.</param>
    /// <param name="competition">The competition.</param>
    /// <param name="ignoreSample">Take the rows of test.csv whatever the sample lists.</param>
    /// <exception cref="SubmissionException">The sample is to be ignored, and there is no test data.</exception>
    public static SubmissionForm? Of(CompetitionLibrary library, Competition competition, bool ignoreSample = false)
    {
        var test = competition.File(FileRole.Test) is { } testFile ? IdsOf(library, testFile) : null;
        var sampleFile = competition.File(FileRole.Sample);
        if (sampleFile is null || ignoreSample)
        {
            if (test is null && ignoreSample) throw new SubmissionException($"Competition '{competition.Name}' has no test data to take the rows from.");
            return test is null ? null : new SubmissionForm(test, FollowsSample: false, null);
        }

        var sample = IdsOf(library, sampleFile);
        return new SubmissionForm(sample, FollowsSample: true, test is null ? null : Misfits(sampleFile, sample, test));
    }

    private static string? Misfits(CompetitionFile file, List<string> sample, List<string> test)
    {
        var known = test.ToHashSet(StringComparer.Ordinal);
        var strange = sample.Where(id => !known.Contains(id)).ToList();
        if (strange.Count == 0) return null;
        var missing = known.Count - (sample.Count - strange.Count);
        var verb = strange.Count == 1 ? "is" : "are";
        var rest = missing == 0 ? "" : Invariant($", and {missing:#,0} of test.csv's {test.Count:#,0} ids {(missing == 1 ? "is" : "are")} not in it");
        return Invariant($"The sample submission ({file.Name}) does not fit test.csv: {strange.Count:#,0} of its {sample.Count:#,0} ids {verb} not in test.csv")
            + $" ({CellText.FirstFew(strange)}){rest}. Import the sample that belongs to this test.csv, or make a file for the rows of test.csv on purpose.";
    }

    private static List<string> IdsOf(CompetitionLibrary library, CompetitionFile file) => [.. library.ListRows(file.Sha256, file.Role).Select(row => row.Id)];
}

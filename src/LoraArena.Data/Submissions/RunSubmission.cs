using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Predictions;
using static System.FormattableString;

namespace LoraArena.Data.Submissions;

/// <summary>What came of making a run's submission: the file submission.json beside it.</summary>
/// <param name="Files">The competition's files that it was made for.</param>
/// <param name="IgnoresSample">True where it has the rows of test.csv whatever the sample submission lists.</param>
/// <param name="Report">What the check of the written file found; null where none was written.</param>
/// <param name="Error">Why none was written.</param>
/// <param name="IsMisfit">True where the reason is that the sample submission does not fit test.csv.</param>
public sealed record StoredSubmission(string Files, bool IgnoresSample, SubmissionReport? Report, string? Error, bool IsMisfit);

/// <summary>The submission of a run: its predictions of test.csv in the form that the competition takes.</summary>
/// <param name="library">The competitions.</param>
public sealed class RunSubmission(CompetitionLibrary library)
{
    /// <summary>What there is of a run's submission; null where none was made for the competition's present files. Reads one small file.</summary>
    /// <exception cref="JsonFileException">submission.json is damaged.</exception>
    public static StoredSubmission? Stored(Competition competition, RunFolder run)
        => JsonFile.TryRead<StoredSubmission>(run.SubmissionReport) is { } stored && stored.Files == FilesOf(competition) ? stored : null;

    /// <summary>Makes a run's submission.csv and keeps what the check of it found. Whatever speaks against a file is kept too, not thrown.</summary>
    /// <param name="competition">The competition, with its present files.</param>
    /// <param name="run">A run that has predicted test data.</param>
    /// <param name="ignoreSample">Take the rows of test.csv whatever the sample submission lists.</param>
    /// <exception cref="IOException">The disk is full or the folder cannot be written.</exception>
    public StoredSubmission Make(Competition competition, RunFolder run, bool ignoreSample = false)
    {
        StoredSubmission made;
        try
        {
            RefuseOtherTest(competition, run);
            var report = Write(competition, run.TestPredictions, run.ValidationPredictions, run.Submission, ignoreSample);
            made = new StoredSubmission(FilesOf(competition), ignoreSample, report, null, IsMisfit: false);
        }
        catch (Exception error) when (error is SubmissionException or CsvRefusedException or CompetitionException or JsonFileException)
        {
            File.Delete(run.Submission);
            made = new StoredSubmission(FilesOf(competition), ignoreSample, null, error.Message, error is SampleMisfitException);
        }

        AtomicFile.WriteJson(run.SubmissionReport, made);
        return made;
    }

    /// <summary>Writes a submission and checks what was written as if it came from outside.</summary>
    /// <param name="competition">The competition, with its test data.</param>
    /// <param name="predictions">Predictions of that test data: a run's <see cref="RunFolder.TestPredictions"/>, or newer ones.</param>
    /// <param name="validation">The run's predictions of validation rows; null where there are none to compare with.</param>
    /// <param name="path">Where to.</param>
    /// <param name="ignoreSample">Take the rows of test.csv whatever the sample submission lists.</param>
    /// <exception cref="SampleMisfitException">The sample submission does not fit test.csv.</exception>
    /// <exception cref="SubmissionException">The predictions do not cover what has to be submitted, or are no probabilities.</exception>
    public SubmissionReport Write(Competition competition, string predictions, string? validation, string path, bool ignoreSample = false)
    {
        var form = SubmissionForm.Of(library, competition, ignoreSample);
        if (form?.Misfit is { } misfit) throw new SampleMisfitException(misfit);
        var rows = PredictionFile.Read(predictions).ToList();
        var ids = form?.Ids ?? [.. rows.Select(row => row.Id)];
        RequireAll(competition, form, ids, rows);
        SubmissionWriter.Write(path, rows, ids);
        return SubmissionChecker.Check(path, ids, validation is null ? null : Mean(validation));
    }

    /// <summary>Checks any file against what a competition takes.</summary>
    /// <param name="competition">The competition.</param>
    /// <param name="path">The file.</param>
    /// <param name="ignoreSample">Check against the rows of test.csv whatever the sample submission lists.</param>
    /// <exception cref="SubmissionException">The competition has neither a sample submission nor test data.</exception>
    public SubmissionReport Check(Competition competition, string path, bool ignoreSample = false)
    {
        var form = SubmissionForm.Of(library, competition, ignoreSample) ?? throw new SubmissionException(
            $"Competition '{competition.Name}' has neither a sample submission nor test data, so no submission can be checked; import one of them first.");
        var report = SubmissionChecker.Check(path, form.Ids);
        return form.Misfit is null ? report : report with { Warnings = [form.Misfit, .. report.Warnings] };
    }

    // The same ids with other texts would pass every check of the file itself.
    private static void RefuseOtherTest(Competition competition, RunFolder run)
    {
        if (!File.Exists(run.Spec) || competition.File(FileRole.Test) is not { } test || RunSpec.Read(run.Spec).Data.Test == test.Sha256) return;
        throw new SubmissionException(
            $"The run predicted another test.csv than the competition has now ({test.Name}): 'arena predict {run.Id} --out submission.csv' predicts that one.");
    }

    /// <summary>Names the rows that lack a prediction, and what was wrong with them in test.csv.</summary>
    private void RequireAll(Competition competition, SubmissionForm? form, IReadOnlyList<string> ids, List<Prediction> rows)
    {
        if (form is null) return;
        var predicted = rows.Select(row => row.Id).ToHashSet(StringComparer.Ordinal);
        var missing = ids.Where(id => !predicted.Contains(id)).ToList();
        if (missing.Count == 0) return;
        var whose = form.FollowsSample ? "the sample submission" : "test.csv";
        var what = missing.Count == 1 ? $"1 row of {whose} has" : Invariant($"{missing.Count:#,0} rows of {whose} have");
        var reason = competition.File(FileRole.Test) is { } test ? Rejection(test, missing[0]) : null;
        throw new SubmissionException($"{what} no prediction: {CellText.FirstFew(missing)}. "
            + (reason is null ? "Predict test.csv again." : $"{reason} No submission is complete without it: mend the file, import it and predict again."));
    }

    private string? Rejection(CompetitionFile test, string id)
        => library.ReadReport(test.Sha256, FileRole.Test).Rejections.FirstOrDefault(issue => issue.Id == id) is { } issue
            ? Invariant($"Row {CellText.Show(id)} of test.csv (line {issue.Line}) could not be read: {(issue.Column is null ? "" : issue.Column + ": ")}{issue.Reason}.")
            : null;

    private static string FilesOf(Competition competition)
        => $"test:{competition.File(FileRole.Test)?.Sha256} sample:{competition.File(FileRole.Sample)?.Sha256}";

    private static Probabilities? Mean(string validation)
    {
        var (a, b, tie, count) = (0.0, 0.0, 0.0, 0);
        foreach (var row in PredictionFile.Read(validation))
        {
            (a, b, tie, count) = (a + row.Probabilities.A, b + row.Probabilities.B, tie + row.Probabilities.Tie, count + 1);
        }

        return count == 0 ? null : new Probabilities(a / count, b / count, tie / count);
    }
}

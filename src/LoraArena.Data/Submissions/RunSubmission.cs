using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Predictions;

namespace LoraArena.Data.Submissions;

/// <summary>The submission of a run: its predictions of test.csv in the form that the competition takes.</summary>
/// <param name="library">The competitions.</param>
public sealed class RunSubmission(CompetitionLibrary library)
{
    /// <summary>Writes submission.csv and checks what was written as if it came from outside.</summary>
    /// <param name="competition">The competition, with its test data.</param>
    /// <param name="predictions">Predictions of that test data: a run's <see cref="RunFolder.TestPredictions"/>, or newer ones.</param>
    /// <param name="validation">The run's predictions of validation rows; null where there are none to compare with.</param>
    /// <param name="path">Where to.</param>
    /// <exception cref="SubmissionException">The predictions do not cover what has to be submitted.</exception>
    public SubmissionReport Write(Competition competition, string predictions, string? validation, string path)
    {
        var sample = competition.File(FileRole.Sample) is { } file ? library.ReadSample(file.Sha256) : null;
        var rows = PredictionFile.Read(predictions).ToList();
        SubmissionWriter.Write(path, rows, sample);
        return SubmissionChecker.Check(path, sample ?? [.. rows.Select(r => r.Id)], validation is null ? null : Mean(validation));
    }

    /// <summary>The submission of a run that has succeeded, which is written and checked once for the same predictions and sample.</summary>
    /// <exception cref="SubmissionException">The predictions do not cover what has to be submitted.</exception>
    public SubmissionReport Ready(Competition competition, RunFolder run)
    {
        var key = FormattableString.Invariant($"{competition.File(FileRole.Sample)?.Sha256}|{File.GetLastWriteTimeUtc(run.TestPredictions).Ticks}|{File.GetLastWriteTimeUtc(run.ValidationPredictions).Ticks}");
        var path = run.Submission + ".report.json";
        if (File.Exists(run.Submission) && TryRead(path) is { } kept && kept.Key == key) return kept.Report;
        var report = Write(competition, run.TestPredictions, run.ValidationPredictions, run.Submission);
        AtomicFile.WriteJson(path, new Kept(key, report));
        return report;
    }

    // A report of another version is made again.
    private static Kept? TryRead(string path)
    {
        try
        {
            return RunFile.TryRead<Kept>(path);
        }
        catch (RunFileException)
        {
            return null;
        }
    }

    private sealed record Kept(string Key, SubmissionReport Report);

    /// <summary>Checks any file against what a competition takes.</summary>
    /// <exception cref="SubmissionException">The competition has neither a sample submission nor test data.</exception>
    public SubmissionReport Check(Competition competition, string path)
    {
        if (competition.File(FileRole.Sample) is { } sample) return SubmissionChecker.Check(path, library.ReadSample(sample.Sha256));
        if (competition.File(FileRole.Test) is { } test) return SubmissionChecker.Check(path, [.. library.ReadBattles(test.Sha256, FileRole.Test).Select(b => b.Id)]);
        throw new SubmissionException($"Competition '{competition.Name}' has neither a sample submission nor test data, so no submission can be checked; import one of them first.");
    }

    private static Core.Battles.Probabilities Mean(string validation)
    {
        var (a, b, tie, count) = (0.0, 0.0, 0.0, 0);
        foreach (var row in PredictionFile.Read(validation)) (a, b, tie, count) = (a + row.Probabilities.A, b + row.Probabilities.B, tie + row.Probabilities.Tie, count + 1);
        return new Core.Battles.Probabilities(a / count, b / count, tie / count);
    }
}

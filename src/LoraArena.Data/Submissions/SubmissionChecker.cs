using LoraArena.Core.Battles;
using LoraArena.Data.Csv;

namespace LoraArena.Data.Submissions;

/// <summary>What a check of a submission found.</summary>
/// <param name="Rows">Rows in the file.</param>
/// <param name="Errors">What would make Kaggle refuse or misread it.</param>
/// <param name="Warnings">What is allowed and yet probably a mistake.</param>
/// <param name="Mean">Mean probabilities of the readable rows; null where there are none.</param>
public sealed record SubmissionReport(int Rows, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings, Probabilities? Mean)
{
    /// <summary>True where nothing is wrong.</summary>
    public bool Accepted => Errors.Count == 0;
}

/// <summary>
/// Checks a submission file before it is sent. It judges as the metric would: that divides each row by its sum, so rows that were rounded to
/// the digits they are written with are fine. Memory grows with the ids that are expected, not with the file.
/// </summary>
public static class SubmissionChecker
{
    internal static string[] Header { get; } = ["id", .. Winners.Columns];

    /// <summary>Checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expectedIds">The ids that it must have: those of sample_submission.csv or test.csv.</param>
    /// <param name="validationMean">Mean of the same model's predictions on its validation rows, where known.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SubmissionReport Check(string path, IReadOnlyList<string> expectedIds, Probabilities? validationMean = null)
    {
        var check = new RowCheck(expectedIds);
        try
        {
            using var csv = new CsvInput(path, Path.GetFileName(path));
            if (csv.HeaderLine > 1)
            {
                check.Errors.Add("The first line names a separator, which only spreadsheets understand: leave it out, and separate by commas.");
            }

            if (!csv.IsUtf8) check.Errors.Add("The file is UTF-16 or UTF-32: save it as UTF-8.");
            if (csv.Header.SequenceEqual(Header))
            {
                foreach (var record in csv.Records()) check.Add(record);
            }
            else
            {
                check.Errors.Add($"The columns must be {string.Join(", ", Header)}; the header is: {CellText.Header(csv.Header)}.");
            }
        }
        catch (CsvRefusedException refusal)
        {
            check.Errors.Add(refusal.Message);
        }

        return check.Finish(validationMean);
    }
}

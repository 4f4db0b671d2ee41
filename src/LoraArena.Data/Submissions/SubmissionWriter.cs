using LoraArena.Core.Battles;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Submissions;

/// <summary>
/// Writes a submission as Kaggle wants it: <c>id,winner_model_a,winner_model_b,winner_tie</c>, the ids of the sample submission byte for
/// byte and in its order, each row's probabilities summing to 1.
/// </summary>
public static class SubmissionWriter
{
    /// <summary>Writes the file whole, or leaves what was there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="predictions">One prediction a row of test.csv.</param>
    /// <param name="sampleIds">Ids of sample_submission.csv in order; null takes the predictions as they come.</param>
    /// <exception cref="SubmissionException">An id lacks its prediction or has two, or a number is not a probability.</exception>
    /// <exception cref="IOException">The disk is full or the folder cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<Prediction> predictions, IReadOnlyList<string>? sampleIds = null)
    {
        var byId = new Dictionary<string, Probabilities>(StringComparer.Ordinal);
        foreach (var prediction in predictions)
        {
            if (!byId.TryAdd(prediction.Id, Normalised(prediction))) throw new SubmissionException($"Row '{prediction.Id}' is predicted twice.");
        }

        var ids = sampleIds ?? [.. predictions.Select(prediction => prediction.Id)];
        if (ids.Count == 0) throw new SubmissionException("There are no rows to submit.");
        var missing = ids.Where(id => !byId.ContainsKey(id)).ToList();
        if (missing.Count > 0)
        {
            var rows = missing.Count == 1 ? "row of the sample submission has" : "rows of the sample submission have";
            throw new SubmissionException(Invariant($"{missing.Count} {rows} no prediction: {CellText.FirstFew(missing)}. Predict test.csv again."));
        }

        CsvOutput.Write(path, ["id", .. Winners.Columns], ids.Select(id => (string[])
        [
            id, CsvOutput.Number(byId[id].A), CsvOutput.Number(byId[id].B), CsvOutput.Number(byId[id].Tie),
        ]));
    }

    /// <summary>Divides by the sum: predictions that were averaged or read in single precision are off by a little.</summary>
    private static Probabilities Normalised(Prediction prediction)
    {
        var (a, b, tie) = prediction.Probabilities;
        var sum = a + b + tie;
        if (a >= 0 && b >= 0 && tie >= 0 && sum > 0 && double.IsFinite(sum)) return new Probabilities(a / sum, b / sum, tie / sum);
        var found = $"{CsvOutput.Number(a)}, {CsvOutput.Number(b)}, {CsvOutput.Number(tie)}";
        throw new SubmissionException($"The prediction of row '{prediction.Id}' is not three probabilities: {found}.");
    }
}

/// <summary>A submission that cannot be written.</summary>
public class SubmissionException(string message) : Exception(message);

/// <summary>The sample submission lists rows that test.csv does not have: no predictions of test.csv can follow it.</summary>
public sealed class SampleMisfitException(string message) : SubmissionException(message);

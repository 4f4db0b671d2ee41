using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Predictions;

/// <summary>
/// Predictions of a run or a baseline as CSV: <c>id,winner_model_a,winner_model_b,winner_tie,winner,group</c>. Numbers read back as the
/// same doubles and ids as the same text; <c>winner</c> is model_a, model_b, tie, or empty where it is not known.
/// </summary>
public static class PredictionFile
{
    private static string[] Header { get; } = ["id", .. Winners.Columns, "winner", "group"];

    /// <summary>Writes the file whole, or leaves what was there.</summary>
    /// <exception cref="IOException">The disk is full or the folder cannot be written.</exception>
    public static void Write(string path, IEnumerable<Prediction> predictions) => CsvOutput.Write(path, Header, predictions.Select(p => (string[])
    [
        p.Id, CsvOutput.Number(p.Probabilities.A), CsvOutput.Number(p.Probabilities.B), CsvOutput.Number(p.Probabilities.Tie), p.Winner?.Name() ?? "", p.Group,
    ]));

    /// <summary>Streams the predictions of a file.</summary>
    /// <exception cref="CsvRefusedException">It is not such a file; the message says where.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IEnumerable<Prediction> Read(string path)
    {
        var name = Path.GetFileName(path);
        using var csv = new CsvInput(path, name);
        if (!csv.Header.SequenceEqual(Header)) throw new CsvRefusedException(name, 1, null, $"the header of a prediction file is {string.Join(',', Header)}");
        foreach (var (line, cells, _) in csv.Records())
        {
            if (cells.Length != Header.Length) throw Refused(line, Invariant($"the row has {cells.Length} cells, not {Header.Length}"));
            Winner? winner = null;
            if (cells[4].Length > 0)
            {
                winner = Winners.Parse(cells[4]) ?? throw Refused(line, $"winner {CellText.Show(cells[4])} is not model_a, model_b or tie");
            }

            yield return new Prediction(cells[0], new Probabilities(Number(line, cells[1]), Number(line, cells[2]), Number(line, cells[3])), winner, cells[5]);
        }

        CsvRefusedException Refused(long line, string reason) => new(name, line, null, reason);

        double Number(long line, string cell)
            => double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw Refused(line, $"{CellText.Show(cell)} is not a number");
    }
}

using LoraArena.Core.Battles;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>One row of a data set without its texts.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Group">Its <see cref="PromptGroup"/>; empty where it has no prompt that can be read.</param>
/// <param name="Winner">Its label, in training data.</param>
/// <param name="IsAccepted">False for a row that cannot be used and whose id no other row has.</param>
public sealed record ListedRow(string Id, string Group, Winner? Winner, bool IsAccepted);

/// <summary>
/// The rows of a data set without their texts: the file rows.&lt;role&gt;.csv beside its source, written once at import, so that ids and labels
/// need no second reading of a large file.
/// </summary>
internal static class RowList
{
    private static string[] Header { get; } = ["id", "group", "winner", "accepted"];

    /// <summary>Writes the file whole.</summary>
    public static void Write(string path, IEnumerable<ListedRow> rows)
        => CsvOutput.Write(path, Header, rows.Select(row => (string[])[row.Id, row.Group, row.Winner?.Name() ?? "", row.IsAccepted ? "1" : "0"]));

    /// <summary>Reads the file; null where it is not there.</summary>
    /// <exception cref="CsvRefusedException">It is damaged.</exception>
    public static IReadOnlyList<ListedRow>? TryRead(string path)
    {
        if (!File.Exists(path)) return null;
        var name = Path.GetFileName(path);
        using var csv = new CsvInput(path, name);
        if (!csv.Header.SequenceEqual(Header)) throw new CsvRefusedException(name, 1, null, $"the header of a row list is {string.Join(',', Header)}");
        var rows = new List<ListedRow>();
        foreach (var (line, cells, _) in csv.Records())
        {
            if (cells.Length != Header.Length)
            {
                throw new CsvRefusedException(name, line, null, Invariant($"the row has {cells.Length} cells, not {Header.Length}"));
            }

            rows.Add(new ListedRow(cells[0], cells[1], Winners.Parse(cells[2]), cells[3] == "1"));
        }

        return rows;
    }
}

using System.Globalization;
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
public sealed record ListedRow(string Id, string Group, Winner? Winner, bool IsAccepted)
{
    /// <summary>Where its texts are found again.</summary>
    public long Offset { get; init; }

    /// <summary>The slices that it lies in, in training data.</summary>
    public IReadOnlyList<(string Kind, string Name)> Slices { get; init; } = [];
}

/// <summary>
/// The rows of a data set without their texts: the file rows.&lt;role&gt;.csv beside its source, written once at import, so that ids, labels and
/// slices need no second reading of a large file, and the texts of a few rows only a reading of these.
/// </summary>
internal static class RowList
{
    private const char BetweenSlices = '|';
    private const char AfterKind = ':';

    private static string[] Header { get; } = ["id", "group", "winner", "accepted", "offset", "slices"];

    /// <summary>Writes the file whole.</summary>
    public static void Write(string path, IEnumerable<ListedRow> rows)
        => CsvOutput.Write(path, Header, rows.Select(row => (string[])
        [
            row.Id, row.Group, row.Winner?.Name() ?? "", row.IsAccepted ? "1" : "0", row.Offset.ToString(CultureInfo.InvariantCulture),
            string.Join(BetweenSlices, row.Slices.Select(slice => $"{slice.Kind}{AfterKind}{slice.Name}")),
        ]));

    /// <summary>Reads the file; null where it is not there.</summary>
    /// <exception cref="CsvRefusedException">It is damaged.</exception>
    public static IReadOnlyList<ListedRow>? TryRead(string path)
    {
        if (!File.Exists(path)) return null;
        var name = Path.GetFileName(path);
        using var csv = new CsvInput(path, name);
        if (!csv.Header.SequenceEqual(Header)) throw new CsvRefusedException(name, 1, null, $"the header of a row list is {string.Join(',', Header)}");
        var rows = new List<ListedRow>();

        // Most rows lie in the same few slices.
        var slices = new Dictionary<string, IReadOnlyList<(string, string)>>(StringComparer.Ordinal);
        foreach (var (line, cells, _) in csv.Records())
        {
            if (cells.Length != Header.Length)
            {
                throw new CsvRefusedException(name, line, null, Invariant($"the row has {cells.Length} cells, not {Header.Length}"));
            }

            if (!long.TryParse(cells[4], NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
            {
                throw new CsvRefusedException(name, line, null, $"{CellText.Show(cells[4])} is not the place of a row");
            }

            if (!slices.TryGetValue(cells[5], out var of)) slices[cells[5]] = of = SlicesOf(cells[5]);
            rows.Add(new ListedRow(cells[0], cells[1], Winners.Parse(cells[2]), cells[3] == "1") { Offset = offset, Slices = of });
        }

        return rows;
    }

    private static List<(string Kind, string Name)> SlicesOf(string cell)
        => [.. cell.Split(BetweenSlices, StringSplitOptions.RemoveEmptyEntries).Select(slice => slice.Split(AfterKind, 2)).Select(s => (s[0], s[^1]))];
}

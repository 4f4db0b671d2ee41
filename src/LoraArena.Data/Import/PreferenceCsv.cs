using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;

namespace LoraArena.Data.Import;

/// <summary>
/// Reads the files of a pairwise-preference competition in the form of LMSYS: train.csv, test.csv and sample_submission.csv.
/// Every row comes out, in order, accepted (perhaps repaired) or with its issue: nothing is dropped silently.
/// </summary>
public static class PreferenceCsv
{
    /// <summary>Streams the rows of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="displayName">What messages call it.</param>
    /// <param name="role">What it is for: decides the columns that must be there.</param>
    /// <param name="cancellation">Looked at before each row.</param>
    /// <exception cref="CsvRefusedException">The file as a whole cannot be used.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IEnumerable<ImportedRow> Read(string path, string displayName, FileRole role, CancellationToken cancellation = default)
    {
        using var csv = new CsvInput(path, displayName);
        var rows = new RowReader(new PreferenceColumns(csv, role, displayName), role, csv.Header.Count);
        var lines = new Dictionary<string, long>(StringComparer.Ordinal);
        var any = false;
        foreach (var record in csv.Records(rows.IsWholeRow, cancellation))
        {
            any = true;
            var row = rows.Read(record, id => lines.TryGetValue(id, out var line) ? line : null);

            // A row that is rejected does not take its id from one further down.
            if (row.Issue is null) lines.Add(row.Id!, row.Line);
            yield return row;
        }

        if (!any) throw new CsvRefusedException(displayName, "the file has a header but no rows");
    }

    /// <summary>Reads some battles of a file again, and nothing of the others.</summary>
    /// <param name="path">The file.</param>
    /// <param name="displayName">What messages call it.</param>
    /// <param name="role">What it was read as.</param>
    /// <param name="offsets">The <see cref="ImportedRow.Offset"/> of each, in the order in which they are wanted.</param>
    /// <exception cref="CsvRefusedException">The file has changed since the offsets were taken.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IEnumerable<Battle> ReadAt(string path, string displayName, FileRole role, IEnumerable<long> offsets)
    {
        using var csv = new CsvInput(path, displayName);
        var rows = new RowReader(new PreferenceColumns(csv, role, displayName), role, csv.Header.Count);
        foreach (var offset in offsets)
        {
            yield return rows.Read(csv.ReadAt(offset), _ => null).Battle
                ?? throw new CsvRefusedException(displayName, "a row is not what it was when it was imported; the file has been changed");
        }
    }

    /// <summary>What a file is for, judged by its header; null where it fits no role.</summary>
    /// <exception cref="CsvRefusedException">It is empty, no text, has no header, or one with damaged columns.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FileRole? Guess(string path) => Guess(path, Path.GetFileName(path));

    /// <summary>The same for a file that messages call otherwise.</summary>
    public static FileRole? Guess(string path, string displayName)
    {
        using var csv = new CsvInput(path, displayName);
        return PreferenceColumns.Guess(csv, displayName);
    }

    /// <summary>The names of a file's columns as messages show them.</summary>
    /// <exception cref="CsvRefusedException">It is empty, no text, or has no header.</exception>
    public static string ShowHeader(string path, string displayName)
    {
        using var csv = new CsvInput(path, displayName);
        return CellText.Header(csv.Header);
    }
}

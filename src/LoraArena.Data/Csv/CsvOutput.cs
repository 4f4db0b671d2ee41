using System.Globalization;
using CsvHelper;
using LoraArena.Core.Files;

namespace LoraArena.Data.Csv;

/// <summary>
/// Writes CSV for programs: UTF-8 without a mark, LF, cells quoted only where they must be and otherwise as they are.
/// (Cells that a spreadsheet would take for a formula are left alone: Kaggle reads these files, and ids go back byte for byte.)
/// </summary>
public static class CsvOutput
{
    /// <summary>Writes a whole file, or leaves what was there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">Names of the columns.</param>
    /// <param name="rows">One cell a column.</param>
    /// <exception cref="IOException">The disk is full or the folder cannot be written.</exception>
    public static void Write(string path, string[] header, IEnumerable<string[]> rows) => AtomicFile.Write(path, stream =>
    {
        using var csv = CsvWriter.Create(stream, new CsvWriterOptions { NewLine = "\n" }, leaveOpen: true);
        csv.WriteRecord(header);
        foreach (var row in rows) csv.WriteRecord(row);
    });

    /// <summary>A number in the shortest form that reads back as the same double.</summary>
    public static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}

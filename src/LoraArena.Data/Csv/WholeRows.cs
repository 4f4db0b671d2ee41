using System.Text;
using System.Text.Unicode;
using CsvHelper;

namespace LoraArena.Data.Csv;

/// <summary>
/// Finds the row after a broken one. A stray quote shifts what is inside quotes and what is not, so only a line that by itself is a whole
/// row, cells and contents, says for sure where the next row begins.
/// </summary>
/// <param name="separator">What stands between cells.</param>
/// <param name="isWholeRow">Says whether cells make a row that can be used.</param>
internal sealed class WholeRows(char separator, Func<string[], bool> isWholeRow)
{
    /// <summary>Looks for the first whole row after the line that the text begins with.</summary>
    /// <param name="lines">The text from the line on that the broken row begins on.</param>
    /// <param name="until">Offset at which to give up.</param>
    /// <param name="offset">Bytes of the file before the row that was found.</param>
    /// <param name="line">Line that it begins on.</param>
    /// <returns>
    /// True with the place of that row, or of the end of the file where only blank lines follow the broken line; false where the lines that
    /// follow leave it open which of them begins a row.
    /// </returns>
    public bool TryFind(LineReader lines, long until, out long offset, out long line)
    {
        var onlyBlank = true;
        if (lines.Next())
        {
            while (lines.Next() && lines.Offset < until)
            {
                if (lines.Current.IsEmpty) continue;
                onlyBlank = false;
                if (Cells(lines.Current.ToArray()) is not { } cells || !isWholeRow(cells)) continue;
                (offset, line) = (lines.Offset, lines.Line);
                return true;
            }
        }

        // A line that is too long ends the loop too, but has begun to be read.
        (offset, line) = (lines.Offset, lines.Line);
        return onlyBlank && lines.Current.IsEmpty && lines.Offset < until;
    }

    /// <summary>The cells at the beginning of a broken line that its broken quote does not touch.</summary>
    public string[] CellsBeforeTheFault(ReadOnlySpan<byte> line)
    {
        var cells = new List<string>();
        if (!Utf8.IsValid(line)) return [];
        while (TakeCell(ref line) is { } cell) cells.Add(cell);
        return [.. cells];
    }

    /// <summary>A line's cells where it is a row by itself, every quote closed in it.</summary>
    private string[]? Cells(byte[] line)
    {
        if (!Utf8.IsValid(line) || line.AsSpan().Contains((byte)0)) return null;
        var broken = false;
        using var csv = CsvReader.Create(line, new CsvReaderOptions
        {
            Separator = separator,
            HasHeader = false,
            SkipEmptyLines = false,
            MalformedData = CsvMalformedDataHandling.Skip,
            OnMalformedRecord = _ => broken = true,
        });
        return csv.Read() && !broken ? csv.Current.ToArray() : null;
    }

    /// <summary>The next cell, where it ends at a separator and its quotes are as they must be.</summary>
    private string? TakeCell(ref ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty) return null;
        if (line[0] != '"')
        {
            var end = line.IndexOfAny((byte)separator, (byte)'"');
            if (end < 0 || line[end] == '"') return null;
            var plain = Encoding.UTF8.GetString(line[..end]);
            line = line[(end + 1)..];
            return plain;
        }

        for (var at = 1; at < line.Length; at++)
        {
            if (line[at] != '"') continue;
            if (at + 1 < line.Length && line[at + 1] == '"')
            {
                at++;
                continue;
            }

            if (at + 1 == line.Length || line[at + 1] != separator) return null;
            var quoted = Encoding.UTF8.GetString(line[1..at]).Replace("\"\"", "\"", StringComparison.Ordinal);
            line = line[(at + 2)..];
            return quoted;
        }

        return null;
    }
}

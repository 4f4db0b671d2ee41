using System.Text;
using System.Text.Unicode;
using CsvHelper;
using static System.FormattableString;

namespace LoraArena.Data.Csv;

/// <summary>One row: its cells and the line it begins on.</summary>
/// <param name="Line">Line of the file, from 1, as an editor counts: line breaks inside quotes count too.</param>
/// <param name="Cells">Texts of the cells. A blank line has one cell that is empty.</param>
public readonly record struct CsvRecord(long Line, string[] Cells);

/// <summary>
/// Reads a CSV file row by row and strictly (RFC 4180; LF, CRLF or CR). CsvHelper takes the rows apart; what it would let pass is refused here:
/// bytes that are no text, quotes in odd places, other separators. Memory does not grow with the file.
/// </summary>
public sealed class CsvInput : IDisposable
{
    private readonly string _path;
    private readonly string _name;
    private readonly bool _utf8;
    private readonly CsvReader _csv;

    /// <summary>Opens a file and reads its header.</summary>
    /// <param name="path">The file.</param>
    /// <param name="displayName">What messages call it.</param>
    /// <exception cref="CsvRefusedException">It is empty, no text, or has no header.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public CsvInput(string path, string displayName)
    {
        (_path, _name) = (path, displayName);
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        try
        {
            var encoding = DetectEncoding(file);
            _utf8 = encoding is null;
            _csv = encoding is null
                ? CsvReader.Create(file, Options())
                : CsvReader.Create(new StreamReader(file, encoding, detectEncodingFromByteOrderMarks: false), Options());
            Header = ReadHeader();
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Names of the columns, as they stand in the first line.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>The rows after the header. Blank lines at the end of the file are left out; others are rows with one empty cell.</summary>
    /// <exception cref="CsvRefusedException">The file cannot be taken apart from some place on.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IEnumerable<CsvRecord> Records(CancellationToken cancellation = default)
    {
        var blank = new List<long>();
        for (var rows = 0L; Next(); rows++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (rows == CsvLimits.Rows) throw Refused(_csv.LineNumber, null, $"the file has more than {CsvLimits.Rows:N0} rows; split it");
            if (_csv.RawRecord.IsEmpty)
            {
                blank.Add(_csv.LineNumber);
                continue;
            }

            foreach (var line in blank) yield return new CsvRecord(line, [""]);
            blank.Clear();
            yield return new CsvRecord(_csv.LineNumber, _csv.Current.ToArray());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _csv.Dispose();

    private CsvReaderOptions Options() => new()
    {
        Separator = ',',
        HasHeader = false,
        SkipEmptyLines = false,
        TrackLineNumbers = true,
        MaxRecordSize = CsvLimits.RecordBytes,
        MalformedData = CsvMalformedDataHandling.Skip,
        OnMalformedRecord = malformed => throw Refused(malformed),
    };

    /// <summary>Null for UTF-8, with or without a mark.</summary>
    private Encoding? DetectEncoding(FileStream file)
    {
        Span<byte> start = stackalloc byte[8];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        file.Position = 0;
        if (start.IsEmpty) throw new CsvRefusedException(_name, "the file is empty");
        if (FileKinds.Recognise(start) is var (kind, advice)) throw new CsvRefusedException(_name, $"this is {kind}, not a CSV file: {advice}");
        return FileKinds.WideEncoding(start);
    }

    private string[] ReadHeader()
    {
        if (!Next() || _csv.RawRecord.IsEmpty) throw Refused(1, null, "there is no header: the first line must name the columns");
        if (_csv.FieldCount > CsvLimits.Columns) throw Refused(1, null, Invariant($"the header has {_csv.FieldCount} columns; {CsvLimits.Columns} are allowed"));
        var header = _csv.Current.ToArray();
        if (header.Length == 1 && header[0].AsSpan().IndexOfAny(";\t|") is var at and >= 0)
        {
            var found = header[0][at] == '\t' ? "a tab" : $"'{header[0][at]}'";
            throw Refused(1, null, $"the columns look separated by {found}; they must be separated by commas. Save the file with commas");
        }

        return header;
    }

    private bool Next()
    {
        try
        {
            if (!_csv.Read()) return false;
        }
        catch (CsvFormatException error)
        {
            // With the options above there is one reason left: the row is too long.
            const int Limit = CsvLimits.RecordBytes >> 20;
            var reason = Invariant($"the row that begins here is longer than {Limit} MiB; most likely a quote is opened in it and never closed");
            throw Refused(error.LineNumber > 0 ? error.LineNumber : null, null, reason);
        }
        catch (DecoderFallbackException)
        {
            throw Refused(_csv.LineNumber > 0 ? _csv.LineNumber : null, null, "after this row the file is not valid UTF-16; save it as UTF-8");
        }

        CheckText(_csv.RawRecord);
        return true;
    }

    private void CheckText(ReadOnlySpan<byte> row)
    {
        if (row.IndexOf((byte)0) is var nul and >= 0)
        {
            throw At(nul, "a NUL character; the file is damaged, or UTF-16 without a byte order mark: save it as UTF-8");
        }

        if (Utf8.IsValid(row)) return;
        var at = 0;
        while (Rune.DecodeFromUtf8(row[at..], out _, out var length) == System.Buffers.OperationStatus.Done) at += length;
        throw At(at, Invariant($"byte {row[at]:X2} at offset {_csv.ByteOffset + at} is not UTF-8; save the file as UTF-8"));
    }

    private CsvRefusedException At(int place, string reason)
    {
        var (line, column) = TextPlace(_csv.ByteOffset + place, _csv.LineNumber);
        return Refused(line, column, reason);
    }

    private CsvRefusedException Refused(CsvMalformedRecord malformed)
    {
        if (malformed.Reason == CsvMalformedReason.UnterminatedQuote)
        {
            return Refused(malformed.LineNumber, null, "a quote is opened in the row that begins here and never closed");
        }

        var (line, column) = TextPlace(malformed.ByteOffset, malformed.LineNumber);
        return Refused(line, column, malformed.Reason == CsvMalformedReason.TextAfterClosingQuote
            ? "text follows the closing quote of a cell; quotes inside a quoted cell are doubled (\"\")"
            : "a quote stands inside a cell that is not quoted; put the cell in quotes and double the quotes inside (\"\")");
    }

    private CsvRefusedException Refused(long? line, long? column, string reason) => new(_name, line, column, reason);

    /// <summary>Line and character of a byte. Only the row's line is known where the file is not UTF-8.</summary>
    private (long Line, long? Column) TextPlace(long offset, long rowLine)
    {
        if (!_utf8) return (rowLine, null);
        using var file = new BufferedStream(new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1), 1 << 16);
        var (line, column, afterReturn) = (1L, 1L, false);
        for (var at = 0L; at < offset; at++)
        {
            var b = file.ReadByte();
            if (b == '\n')
            {
                if (!afterReturn) line++;
                column = 1;
            }
            else if (b == '\r')
            {
                line++;
                column = 1;
            }
            else if ((b & 0xC0) != 0x80 && !(at == 0 && b == 0xEF))
            {
                // Bytes that continue a character do not count, nor does a byte order mark.
                column++;
            }

            afterReturn = b == '\r';
        }

        return (line, column);
    }
}

using System.Text;
using System.Text.Unicode;
using CsvHelper;
using static System.FormattableString;

namespace LoraArena.Data.Csv;

/// <summary>One row: its cells and the line it begins on.</summary>
/// <param name="Line">Line of the file, from 1, as an editor counts: line breaks inside quotes count too.</param>
/// <param name="Cells">Texts of the cells. A blank line has one cell that is empty; a broken row those before its fault.</param>
/// <param name="Fault">Why the row cannot be taken apart; null where it can.</param>
public readonly record struct CsvRecord(long Line, string[] Cells, string? Fault = null)
{
    /// <summary>Bytes of UTF-8 before the row: where <see cref="CsvInput.ReadAt"/> finds it again.</summary>
    public long Offset { get; init; }
}

/// <summary>
/// Reads a CSV file row by row and strictly (RFC 4180; LF, CRLF or CR; a first line <c>sep=;</c> names the separator, as spreadsheets write it).
/// CsvHelper takes the rows apart; what it would let pass is refused here: bytes that are no text, quotes in odd places, other separators.
/// Memory does not grow with the file.
/// </summary>
public sealed class CsvInput : IDisposable
{
    private const string NeverClosed = "a quote is opened in the row that begins here and never closed";

    private const string NotWide = "from this row on the file is not valid UTF-16; save it as UTF-8";

    private readonly CsvSource _source;
    private readonly string _name;
    private readonly SeparatorLine _start;
    private Stream _text;
    private CsvReader _csv;
    private long _readerOffset, _readerLine, _nextOffset, _nextLine;
    private bool _breakAhead;
    private int _broken;

    /// <summary>Opens a file and reads its header.</summary>
    /// <param name="path">The file.</param>
    /// <param name="displayName">What messages call it.</param>
    /// <exception cref="CsvRefusedException">It is empty, no text, or has no header.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public CsvInput(string path, string displayName)
    {
        _name = displayName;
        _source = new CsvSource(path, displayName);
        _start = FindStart();
        (_text, _csv) = Open(_start.HeaderOffset, _start.HeaderLine);
        try
        {
            Header = ReadHeader();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Names of the columns, as they stand in the first line.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>Line that the header stands on: 1, or 2 after a line that names the separator.</summary>
    public long HeaderLine => _start.HeaderLine;

    /// <summary>True where the file is UTF-8, with or without a byte order mark.</summary>
    public bool IsUtf8 => _source.IsUtf8;

    private long Line => _readerLine + _csv.LineNumber - 1;

    /// <summary>The rows after the header; one with a broken quote ends the file.</summary>
    /// <inheritdoc cref="Records(Func{string[], bool}?, CancellationToken)"/>
    public IEnumerable<CsvRecord> Records(CancellationToken cancellation = default) => Records(null, cancellation);

    /// <summary>
    /// The rows after the header. Blank lines at the end of the file are left out; others are rows with one empty cell. Where
    /// <paramref name="isWholeRow"/> is given, a row with a broken quote comes out with its fault, and the rest of the file is read on from
    /// the next line that is a whole row by itself; otherwise such a row ends the file.
    /// </summary>
    /// <param name="isWholeRow">True for cells that make a row beyond doubt.</param>
    /// <param name="cancellation">Looked at before each row.</param>
    /// <exception cref="CsvRefusedException">The file cannot be taken apart from some place on.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IEnumerable<CsvRecord> Records(Func<string[], bool>? isWholeRow, CancellationToken cancellation = default)
    {
        var blank = new List<long>();
        var search = isWholeRow is null ? null : new WholeRows(_start.Separator, isWholeRow);
        for (var rows = 0L; Read(search, isWholeRow) is var (record, isBlank); rows++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (rows == CsvLimits.Rows) throw Refused(record.Line, null, $"the file has more than {CsvLimits.Rows:N0} rows; split it");
            if (isBlank)
            {
                blank.Add(record.Line);
                continue;
            }

            foreach (var line in blank) yield return new CsvRecord(line, [""]);
            blank.Clear();
            yield return record;
        }
    }

    /// <summary>Reads one row again, without those before it; its line is not known then. <see cref="Records(CancellationToken)"/> goes on after it.</summary>
    /// <param name="offset">The <see cref="CsvRecord.Offset"/> of a row that could be taken apart.</param>
    /// <exception cref="CsvRefusedException">There is no such row: the file has changed since.</exception>
    public CsvRecord ReadAt(long offset)
    {
        _csv.Dispose();
        _text.Dispose();
        (_text, _csv) = Open(offset, 1);
        try
        {
            if (Next()) return new CsvRecord(0, _csv.Current.ToArray()) { Offset = offset };
        }
        catch (BrokenRowException)
        {
            // As below.
        }

        throw Refused(null, null, Invariant($"the row at byte {offset} is not there any more; the file has been changed"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _csv.Dispose();
        _text.Dispose();
    }

    private (CsvRecord Record, bool IsBlank)? Read(WholeRows? search, Func<string[], bool>? isWholeRow)
    {
        try
        {
            return ReadOrPassOver(search, isWholeRow);
        }
        catch (DecoderFallbackException)
        {
            throw Refused(_nextLine, null, NotWide);
        }
    }

    private (CsvRecord Record, bool IsBlank)? ReadOrPassOver(WholeRows? search, Func<string[], bool>? isWholeRow)
    {
        try
        {
            if (!Next()) return null;
            var record = new CsvRecord(Line, _csv.Current.ToArray()) { Offset = _readerOffset + _csv.ByteOffset };
            var isBlank = _csv.RawRecord.IsEmpty;
            if (search is null || !_csv.RawRecord.ContainsAny((byte)'\n', (byte)'\r') || isWholeRow!(record.Cells)) return (record, isBlank);

            // A row of several lines that cannot be used may be several rows that a stray quote has run together.
            var (offset, end) = (_readerOffset + _csv.ByteOffset, _nextOffset);
            return PassOver(search, offset, record.Line, end, "a quote is opened in the row that begins here and closed in a later row") is { } fault
                ? (fault, false)
                : (record, isBlank);
        }
        catch (BrokenRowException error)
        {
            if (search is null) throw Refused(error.Line, error.Column, error.Message);
            SkipBreak();
            if (PassOver(search, _nextOffset, error.Line, long.MaxValue, error.Message) is { } fault) return (fault, false);
            throw Refused(
                error.Line,
                error.Column,
                error.Message + "; the lines after it leave it open where the next row begins, so the file is not read on");
        }
    }

    /// <summary>Makes a fault of the broken row and goes on at the next whole one; null where it is not sure which that is.</summary>
    private CsvRecord? PassOver(WholeRows search, long offset, long line, long until, string reason)
    {
        using var text = _source.Open(offset);
        var lines = new LineReader(text, offset, line);
        if (!search.TryFind(lines, until, out var nextOffset, out var nextLine)) return null;
        if (++_broken > CsvLimits.BrokenRows)
        {
            throw Refused(line, null, Invariant($"this is the {_broken}th row with a broken quote; the file is not the CSV that it seems to be"));
        }

        var isLast = until == long.MaxValue && nextLine > line && IsEnd(nextOffset);
        if (nextLine - line > 1 && !isLast) reason += Invariant($" (lines {line} to {nextLine - 1} are left out: they cannot be told apart)");
        if (isLast) reason += ". It is the last row: perhaps the file has been cut off";
        var cells = FirstLine(offset, line, search);
        _csv.Dispose();
        _text.Dispose();
        (_text, _csv) = Open(nextOffset, nextLine);
        return new CsvRecord(line, cells, reason);
    }

    private bool IsEnd(long offset)
    {
        using var text = _source.Open(offset);
        return text.ReadByte() < 0;
    }

    private string[] FirstLine(long offset, long line, WholeRows search)
    {
        using var text = _source.Open(offset);
        var lines = new LineReader(text, offset, line);
        return lines.Next() ? search.CellsBeforeTheFault(lines.Current) : [];
    }

    private (Stream Text, CsvReader Csv) Open(long offset, long line)
    {
        (_readerOffset, _readerLine, _nextOffset, _nextLine, _breakAhead) = (offset, line, offset, line, false);
        var text = _source.Open(offset);
        return (text, CsvReader.Create(text, Options(), leaveOpen: true));
    }

    private CsvReaderOptions Options() => new()
    {
        Separator = _start.Separator,
        HasHeader = false,
        SkipEmptyLines = false,
        TrackLineNumbers = true,
        MaxRecordSize = CsvLimits.RecordBytes,
        MalformedData = CsvMalformedDataHandling.Skip,
        OnMalformedRecord = malformed => throw Broken(malformed),
    };

    private SeparatorLine FindStart()
    {
        try
        {
            using var text = _source.Open(0);
            return SeparatorLine.Read(text);
        }
        catch (DecoderFallbackException)
        {
            // The reader will come to it and say where.
            return new SeparatorLine(',', 0, 1);
        }
    }

    private string[] ReadHeader()
    {
        bool any;
        try
        {
            any = Next() && !_csv.RawRecord.IsEmpty;
        }
        catch (BrokenRowException error)
        {
            throw Refused(error.Line, error.Column, error.Message);
        }

        if (!any) throw Refused(HeaderLine, null, "there is no header: the first line must name the columns");
        if (_csv.FieldCount > CsvLimits.Columns)
        {
            throw Refused(HeaderLine, null, Invariant($"the header has {_csv.FieldCount} columns; {CsvLimits.Columns} are allowed"));
        }

        var header = _csv.Current.ToArray();
        if (header.Length == 1 && header[0].AsSpan().IndexOfAny(",;\t|") is var at and >= 0)
        {
            var found = SeparatorLine.Name(header[0][at]);
            var wanted = _start.Separator == ',' ? "commas" : $"{SeparatorLine.Name(_start.Separator)}, as line 1 says";
            throw Refused(HeaderLine, null, $"the columns look separated by {found}; they must be separated by {wanted}. Save the file with commas");
        }

        return header;
    }

    /// <exception cref="BrokenRowException">The row's quotes are broken.</exception>
    private bool Next()
    {
        try
        {
            if (!_csv.Read()) return false;
        }
        catch (CsvFormatException)
        {
            // With the options above there is one reason left: the row is too long.
            const int Limit = CsvLimits.RecordBytes >> 20;
            throw new BrokenRowException(
                _nextLine, null, Invariant($"the row that begins here is longer than {Limit} MiB; most likely a quote is opened in it and never closed"));
        }
        catch (DecoderFallbackException)
        {
            throw Refused(_nextLine, null, NotWide);
        }

        CheckText(_csv.RawRecord);
        RememberEnd();
        return true;
    }

    /// <summary>Where the next row begins, in case it cannot be read.</summary>
    private void RememberEnd()
    {
        var raw = _csv.RawRecord;
        var breaks = 0L;
        for (var at = 0; raw[at..].IndexOfAny((byte)'\n', (byte)'\r') is var found and >= 0;)
        {
            at += found + 1;
            if (raw[at - 1] == '\r' && at < raw.Length && raw[at] == '\n') at++;
            breaks++;
        }

        _nextLine = Line + breaks + 1;
        _nextOffset = _readerOffset + _csv.ByteOffset + raw.Length;
        _breakAhead = true;
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
        throw At(at, Invariant($"byte {row[at]:X2} at offset {_readerOffset + _csv.ByteOffset + at} is not UTF-8; save the file as UTF-8"));
    }

    private CsvRefusedException At(int place, string reason)
    {
        var (line, column) = TextPlace(_readerOffset + _csv.ByteOffset, Line, _readerOffset + _csv.ByteOffset + place);
        return Refused(line, column, reason);
    }

    private BrokenRowException Broken(CsvMalformedRecord malformed)
    {
        var line = _readerLine + malformed.LineNumber - 1;
        SkipBreak();
        if (malformed.Reason == CsvMalformedReason.UnterminatedQuote) return new BrokenRowException(line, null, NeverClosed);
        var what = malformed.Reason == CsvMalformedReason.TextAfterClosingQuote
            ? "text follows the closing quote of a cell; quotes inside a quoted cell are doubled (\"\")"
            : "a quote stands inside a cell that is not quoted; put the cell in quotes and double the quotes inside (\"\")";
        var (faultLine, column) = TextPlace(_nextOffset, line, _readerOffset + malformed.ByteOffset);
        return faultLine == line
            ? new BrokenRowException(line, column, what)
            : new BrokenRowException(line, null, Invariant($"in the row that begins here, {what}: line {faultLine}, column {column}"));
    }

    /// <summary>The break after the last row belongs to neither row.</summary>
    private void SkipBreak()
    {
        if (!_breakAhead) return;
        _breakAhead = false;
        using var text = _source.Open(_nextOffset);
        var first = text.ReadByte();
        if (first is not ('\r' or '\n')) return;
        _nextOffset++;
        if (first == '\r' && text.ReadByte() == '\n') _nextOffset++;
    }

    private CsvRefusedException Refused(long? line, long? column, string reason) => new(_name, line, column, reason);

    /// <summary>Line and character of a byte.</summary>
    private (long Line, long Column) TextPlace(long lineOffset, long line, long offset)
    {
        using var text = _source.Open(lineOffset);
        var lines = new LineReader(text, lineOffset, line);
        var (column, found) = (1L, line);
        while (lines.Next(int.MaxValue) && lines.Offset <= offset)
        {
            var before = lines.Current[..(int)Math.Min(lines.Current.Length, offset - lines.Offset)];
            if (lines.Offset == 0 && before.StartsWith("\ufeff"u8)) before = before[3..];
            column = 1;
            foreach (var b in before)
            {
                // Bytes that continue a character do not count.
                if ((b & 0xC0) != 0x80) column++;
            }

            found = lines.Line;
        }

        return (found, column);
    }

    /// <summary>A row whose quotes are broken; the rest of the file may be sound.</summary>
    private sealed class BrokenRowException(long line, long? column, string reason) : Exception(reason)
    {
        public long Line { get; } = line;

        public long? Column { get; } = column;
    }
}

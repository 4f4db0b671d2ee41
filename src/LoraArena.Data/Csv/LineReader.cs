namespace LoraArena.Data.Csv;

/// <summary>Reads a text line by line, whatever quotes say, and knows where each line begins.</summary>
/// <param name="text">UTF-8; the reader starts at its beginning.</param>
/// <param name="offset">Bytes of the file before it.</param>
/// <param name="line">Number of its first line.</param>
internal sealed class LineReader(Stream text, long offset, long line)
{
    private readonly byte[] _buffer = new byte[1 << 16];
    private byte[] _line = new byte[1 << 12];
    private int _at, _filled, _length;
    private long _nextOffset = offset;
    private long _nextLine = line;

    /// <summary>Bytes of the file before the current line.</summary>
    public long Offset { get; private set; }

    /// <summary>Number of the current line, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>The current line without its line break.</summary>
    public ReadOnlySpan<byte> Current => _line.AsSpan(0, _length);

    /// <summary>Goes to the next line.</summary>
    /// <param name="maxBytes">Longest line that is kept in memory.</param>
    /// <returns>False at the end of the text, and where a line is longer than that.</returns>
    public bool Next(int maxBytes = CsvLimits.RecordBytes)
    {
        (Offset, Line, _length) = (_nextOffset, _nextLine, 0);
        if (!Fill()) return false;
        while (Fill())
        {
            var rest = _buffer.AsSpan(_at, _filled - _at);
            var end = rest.IndexOfAny((byte)'\n', (byte)'\r');
            var part = end < 0 ? rest : rest[..end];
            if (_length + part.Length > maxBytes) return false;
            Append(part);
            _at += part.Length;
            if (end < 0) continue;
            var wasReturn = _buffer[_at++] == '\r';
            var breakBytes = 1;
            if (wasReturn && Fill() && _buffer[_at] == '\n')
            {
                _at++;
                breakBytes = 2;
            }

            _nextOffset = Offset + _length + breakBytes;
            _nextLine = Line + 1;
            return true;
        }

        (_nextOffset, _nextLine) = (Offset + _length, Line + 1);
        return true;
    }

    private bool Fill()
    {
        if (_at < _filled) return true;
        _at = 0;
        _filled = text.Read(_buffer, 0, _buffer.Length);
        return _filled > 0;
    }

    private void Append(ReadOnlySpan<byte> part)
    {
        if (_length + part.Length > _line.Length) Array.Resize(ref _line, Math.Max(_length + part.Length, 2 * _line.Length));
        part.CopyTo(_line.AsSpan(_length));
        _length += part.Length;
    }
}

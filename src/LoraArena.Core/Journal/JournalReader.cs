namespace LoraArena.Core.Journal;

/// <summary>
/// Follows a journal: each call gives the records that have come since the last. A line counts when it ends in a line feed,
/// is a record, and carries the next number; anything else (a torn line) is passed over. Of records of unknown kinds only the number counts.
/// </summary>
/// <param name="path">journal.jsonl; it need not be there yet.</param>
public sealed class JournalReader(string path)
{
    private const int BlockBytes = 1 << 16;
    private byte[] _pending = [];
    private long _offset;

    /// <summary>Number of the last record given.</summary>
    public long LastNumber { get; private set; }

    /// <summary>True where bytes without a line feed stand at the end: a line being written, or one torn by a crash.</summary>
    public bool HasUnfinishedLine => _pending.Length > 0;

    /// <summary>The records that are new since the last call.</summary>
    public IReadOnlyList<JournalRecord> ReadNew()
    {
        if (!File.Exists(path)) return [];
        var records = new List<JournalRecord>();
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BlockBytes);
        file.Seek(_offset, SeekOrigin.Begin);
        var block = new byte[BlockBytes];
        for (int read; (read = file.Read(block)) > 0;)
        {
            _offset += read;
            TakeLines(block.AsSpan(0, read), records);
        }

        return records;
    }

    private void TakeLines(ReadOnlySpan<byte> bytes, List<JournalRecord> records)
    {
        for (int end; (end = bytes.IndexOf((byte)'\n')) >= 0; bytes = bytes[(end + 1)..])
        {
            var line = _pending.Length == 0 ? bytes[..end] : [.. _pending, .. bytes[..end]];
            _pending = [];
            if (JournalRecord.Parse(line) is { } record && record.N == LastNumber + 1)
            {
                LastNumber = record.N;
                if (record is not UnknownRecord) records.Add(record);
            }
        }

        if (bytes.Length > 0) _pending = [.. _pending, .. bytes];
    }
}

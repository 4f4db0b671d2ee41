using LoraArena.Core.Runs;

namespace LoraArena.Core.Journal;

/// <summary>
/// Appends to a run's journal. Lines reach the operating system at once and the disk at least once a second while lines come.
/// A worker whose attempt has been superseded cannot write.
/// </summary>
public sealed class JournalWriter : IDisposable
{
    private static readonly TimeSpan FlushEvery = TimeSpan.FromSeconds(1);

    private readonly RunFolder _folder;
    private readonly int _attempt;
    private readonly TimeProvider _time;
    private readonly FileStream _file;
    private readonly Lock _lock = new();
    private long _last;
    private long _flushed;
    private bool _torn;

    /// <summary>Opens the journal for one attempt and finds the number to go on with.</summary>
    public JournalWriter(RunFolder folder, int attempt, TimeProvider time)
    {
        (_folder, _attempt, _time) = (folder, attempt, time);
        var (number, tornTail) = Scan(folder.Journal);
        _last = number;
        _file = new FileStream(folder.Journal, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 1);
        _flushed = time.GetTimestamp();

        // A line that a crash tore ends here, so that the next one stands alone; readers pass over it.
        if (tornTail) _file.WriteByte((byte)'\n');
    }

    /// <summary>Appends a record; its number, attempt and time are set here.</summary>
    /// <exception cref="AttemptTakenException">A later attempt has begun.</exception>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public void Append(JournalRecord record)
    {
        lock (_lock)
        {
            if (Directory.Exists(_folder.Attempt(_attempt + 1))) throw new AttemptTakenException($"Attempt {_attempt} of run {_folder.Id} was superseded.");
            var line = (record with { N = _last + 1, A = _attempt, At = _time.GetUtcNow() }).ToLine();
            try
            {
                // What a full disk took half of ends here, so that this line stands alone.
                _file.Write([.. _torn ? "\n"u8 : [], .. line, (byte)'\n']);
                _torn = false;
            }
            catch (IOException)
            {
                _torn = true;
                throw;
            }

            _last++;
            if (_time.GetElapsedTime(_flushed) >= FlushEvery) Flush();
        }
    }

    /// <summary>Makes everything written so far survive a power cut.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            _file.Flush(flushToDisk: true);
            _flushed = _time.GetTimestamp();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Flush();
        _file.Dispose();
    }

    private static (long Last, bool TornTail) Scan(string path)
    {
        if (!File.Exists(path)) return (0, false);
        var reader = new JournalReader(path);
        reader.ReadNew();
        return (reader.LastNumber, reader.HasUnfinishedLine);
    }
}

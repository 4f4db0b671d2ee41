using LoraArena.Core.Files;
using LoraArena.Core.Runs;

namespace LoraArena.Worker.Running;

/// <summary>A little room on the disk, kept from the start: on a disk that is full at the end it lets the run still say so.</summary>
internal sealed class DiskReserve : IDisposable
{
    private const int Bytes = 1 << 20;
    private readonly string _path;

    public DiskReserve(RunFolder run, int attempt)
    {
        _path = Path.Join(run.Attempt(attempt), "reserve" + AtomicFile.TemporaryEnding);
        try
        {
            // Written, not only given a length: a file may have holes.
            using var file = new FileStream(_path, FileMode.Create, FileAccess.Write, FileShare.None);
            file.Write(new byte[Bytes]);
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            // Full already: the first line of the journal will say so.
        }
    }

    /// <summary>Gives the room back.</summary>
    public void Dispose() => File.Delete(_path);
}

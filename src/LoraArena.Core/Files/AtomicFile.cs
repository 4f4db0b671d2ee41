using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Core.Files;

/// <summary>
/// Writes a file so that after a crash of the program or of the machine it is either the old one or the new one, whole:
/// a temporary file beside it, flushed to the disk, renamed over it, and the folder's entry flushed too.
/// </summary>
public static partial class AtomicFile
{
    /// <summary>Ending of the temporary files; what a crash leaves of them may be deleted at any time.</summary>
    public const string TemporaryEnding = ".part";

    /// <summary>Writes bytes.</summary>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; the old file is untouched.</exception>
    public static void WriteBytes(string path, byte[] content) => Write(path, file => file.Write(content));

    /// <summary>Writes text as UTF-8 without a byte order mark.</summary>
    /// <exception cref="IOException">As in <see cref="WriteBytes"/>.</exception>
    public static void WriteText(string path, string content) => WriteBytes(path, Encoding.UTF8.GetBytes(content));

    /// <summary>Writes a value as indented JSON.</summary>
    /// <exception cref="IOException">As in <see cref="WriteBytes"/>.</exception>
    public static void WriteJson<T>(string path, T value)
        => WriteBytes(path, JsonSerializer.SerializeToUtf8Bytes(value, ArenaJson.Indented));

    /// <summary>Writes what <paramref name="write"/> puts into the stream.</summary>
    /// <exception cref="IOException">As in <see cref="WriteBytes"/>.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var temporary = TemporaryPath(path);
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            Publish(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Gives a finished temporary file its name. Its content must have been flushed to the disk.</summary>
    public static void Publish(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Gives a finished temporary folder its name. The files in it must have been flushed to the disk.</summary>
    public static void PublishFolder(string temporary, string path)
    {
        FlushFolder(temporary);
        Directory.Move(temporary, path);
        FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>A name beside <paramref name="path"/> that no other writer uses.</summary>
    public static string TemporaryPath(string path) => $"{path}.{Guid.NewGuid():N}{TemporaryEnding}";

    /// <summary>Makes the entries of a folder durable. .NET has no call for it; Windows needs none.</summary>
    private static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Open(folder, 0);
        if (descriptor < 0) return;
        try
        {
            // A folder on a file system that cannot flush folders (some network mounts) answers EINVAL: the rename itself has happened.
            _ = FSync(descriptor);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}

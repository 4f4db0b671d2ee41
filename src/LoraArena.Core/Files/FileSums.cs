using System.Security.Cryptography;
using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Core.Files;

/// <summary>
/// SHA-256 of files, remembered between processes: a file whose path, size and time of change are those of a sum is not read again. For files of
/// many gigabytes that each run of a trial checks.
/// </summary>
/// <param name="path">The file that remembers; null remembers nothing. One that is missing or damaged is as good as an empty one.</param>
/// <param name="time">The time.</param>
public sealed class FileSums(string? path, TimeProvider time)
{
    // A file that changes twice within a tick of its file system's clock looks the same: what has just been written is not remembered.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(5);

    // The oldest entries make room: an arena has few models.
    private const int MaxEntries = 4096;

    private readonly Dictionary<string, Entry> _entries = Read(path);
    private bool _changed;

    /// <summary>The SHA-256 of a file in lower-case hexadecimal.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public string Of(string file)
    {
        var info = Target(file);
        if (_entries.TryGetValue(info.FullName, out var known) && known.Bytes == info.Length && known.Changed == info.LastWriteTimeUtc) return known.Sha256;
        var sum = Compute(info.FullName);
        var after = Target(file);
        if (after.Length != info.Length || after.LastWriteTimeUtc != info.LastWriteTimeUtc || time.GetUtcNow() - info.LastWriteTimeUtc < Settled) return sum;
        _entries[info.FullName] = new Entry(info.Length, info.LastWriteTimeUtc, sum);
        _changed = true;
        return sum;
    }

    /// <summary>Writes down what is new. That it cannot be written is no fault: the next process reads the files again.</summary>
    public void Save()
    {
        if (path is null || !_changed) return;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            foreach (var old in _entries.Keys.Take(_entries.Count - MaxEntries).ToList()) _entries.Remove(old);
            AtomicFile.WriteJson(path, _entries);
            _changed = false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // See above.
        }
    }

    /// <summary>The SHA-256 of a file, read whole.</summary>
    public static string Compute(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    // Downloaded models are folders of links; a link's own time says nothing of the file.
    private static FileInfo Target(string file)
    {
        var info = new FileInfo(file);
        return info.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? info;
    }

    private static Dictionary<string, Entry> Read(string? path)
    {
        try
        {
            return path is null || !File.Exists(path)
                ? []
                : JsonSerializer.Deserialize<Dictionary<string, Entry>>(File.ReadAllBytes(path), ArenaJson.Indented) ?? [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    private sealed record Entry(long Bytes, DateTime Changed, string Sha256);
}

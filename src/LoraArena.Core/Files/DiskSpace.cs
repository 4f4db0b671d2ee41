using System.Globalization;

namespace LoraArena.Core.Files;

/// <summary>How much room a disk has, and the error of one that has none.</summary>
public static class DiskSpace
{
    // ENOSPC and EDQUOT of Linux; macOS has the same 28 and 69 for the second. Windows: disk full, handle disk full.
    private static readonly int[] FullOnUnix = [28, 122, 69];
    private static readonly int[] FullOnWindows = [unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>Bytes that this account may still write to the disk of a folder.</summary>
    public static long Free(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>True if a write failed because the disk, or the quota, is full.</summary>
    public static bool IsFull(Exception error)
        => error is IOException && (OperatingSystem.IsWindows() ? FullOnWindows : FullOnUnix).Contains(error.HResult);

    /// <summary>Bytes in words: <c>1.3 GiB</c>.</summary>
    public static string Words(long bytes) => bytes switch
    {
        >= 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.#} GiB"),
        >= 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.#} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB"),
    };
}

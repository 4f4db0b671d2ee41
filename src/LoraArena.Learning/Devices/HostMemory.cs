using System.Runtime.InteropServices;

namespace LoraArena.Learning.Devices;

/// <summary>How this process gets memory from the system.</summary>
public static partial class HostMemory
{
    /// <summary>What <see cref="Allocator"/> says where tcmalloc hands out memory.</summary>
    public const string Tcmalloc = "tcmalloc";

    private const string Maps = "/proc/self/maps";
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MmapThreshold = -3;

    /// <summary>Who hands out memory: <c>tcmalloc</c> where its library was put before the C library's own, else <c>system</c>.</summary>
    public static string Allocator { get; } = HasLibrary("libtcmalloc") ? Tcmalloc : "system";

    /// <summary>
    /// Lets the C library keep memory that is freed, for the next step to take: else every large tensor is fetched from the system page by page
    /// and given back, step after step. The peak stays what it is. 32 MiB is the most that glibc allows for a block to be kept.
    /// </summary>
    public static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = Set(MmapThreshold, 32 << 20);
            _ = Set(TrimThreshold, int.MaxValue);
            _ = Set(TopPad, 16 << 20);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library than glibc: it keeps its own habits.
        }
    }

    /// <summary>
    /// Ends the process at once. On the ordinary way out libtorch takes its own tables apart, which has ended in an abort after all had been done and written.
    /// </summary>
    public static int End(int exitCode)
    {
        Console.Out.Flush();
        Console.Error.Flush();
        if (OperatingSystem.IsLinux()) Exit(exitCode);
        return exitCode;
    }

    private static bool HasLibrary(string name) => File.Exists(Maps) && File.ReadLines(Maps).Any(line => line.Contains(name, StringComparison.Ordinal));

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int status);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);
}

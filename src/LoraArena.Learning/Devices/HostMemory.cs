using System.Runtime.InteropServices;

namespace LoraArena.Learning.Devices;

/// <summary>How this process gets memory from the system.</summary>
internal static partial class HostMemory
{
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MmapThreshold = -3;

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

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);
}

using System.Runtime.InteropServices;

namespace LoraArena.Learning.Devices;

/// <summary>Tells errors that say that memory is not enough from all others.</summary>
public static class OutOfMemory
{
    /// <summary>True if an error is one: libtorch's for a GPU, its allocator's for the CPU, or .NET's own.</summary>
    public static bool Is(Exception error) => error is OutOfMemoryException
        || (error is ExternalException && (Says(error, "out of memory") || Says(error, "not enough memory") || Says(error, "can't allocate memory")))
        || (error.InnerException is { } inner && Is(inner));

    private static bool Says(Exception error, string words) => error.Message.Contains(words, StringComparison.OrdinalIgnoreCase);
}

using System.Runtime.InteropServices;

namespace LoraArena.Learning.Devices.Host;

/// <summary>Memory for a kernel's copies, kept by each thread from one call to the next: it would be fetched and given back thousands of times a step.</summary>
internal sealed unsafe class HostScratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static HostScratch? _ofThread;

    private readonly float* _memory;
    private readonly long _floats;

    private HostScratch(long floats)
    {
        _floats = floats;
        _memory = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), Alignment);
    }

    /// <summary>Frees it once its thread has ended or needs more.</summary>
    ~HostScratch() => NativeMemory.AlignedFree(_memory);

    /// <summary>Memory of this thread for so many numbers, which are not set; good until the thread asks again.</summary>
    public static float* Take(long floats)
    {
        if (_ofThread is null || _ofThread._floats < floats) _ofThread = new HostScratch(floats);
        return _ofThread._memory;
    }
}

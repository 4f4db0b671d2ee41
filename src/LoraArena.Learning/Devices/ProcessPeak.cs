namespace LoraArena.Learning.Devices;

/// <summary>Most memory that this process had in use, as the operating system counts it.</summary>
internal static class ProcessPeak
{
    /// <summary>The peak in bytes: of the whole life of the process, or since <see cref="StartAnew"/>.</summary>
    public static long Bytes()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    /// <summary>Lets Linux count the peak anew from what is in use now; elsewhere, and where that is not allowed, it goes on as it is.</summary>
    public static void StartAnew()
    {
        const string ClearReferences = "/proc/self/clear_refs";
        if (!File.Exists(ClearReferences)) return;
        try
        {
            using var file = new StreamWriter(ClearReferences);
            file.Write("5");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The peak of the whole life stands for that since now: more than it was, never less.
        }
    }
}

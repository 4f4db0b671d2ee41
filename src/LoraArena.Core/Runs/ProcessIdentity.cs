using System.Diagnostics;
using System.Globalization;

namespace LoraArena.Core.Runs;

/// <summary>Tells processes apart for ever: a process id alone is used again.</summary>
public static class ProcessIdentity
{
    /// <summary>
    /// When a process of this machine started: clock ticks since boot on Linux (field 22 of /proc/pid/stat), which no change of the clock
    /// moves; elsewhere the start time in UTC ticks. Null where there is no such process, or it has ended and only waits to be collected.
    /// </summary>
    public static long? Started(int pid)
    {
        if (OperatingSystem.IsLinux()) return StartedOnLinux(pid);
        try
        {
            using var process = Process.GetProcessById(pid);
            return process.HasExited ? null : process.StartTime.ToUniversalTime().Ticks;
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>True if the very process that a lease names is alive on this machine.</summary>
    public static bool IsAlive(int pid, long started) => Started(pid) == started;

    private static long? StartedOnLinux(int pid)
    {
        string stat;
        try
        {
            stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        // The second field is the program's name in brackets and may hold anything; the third is the state.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
    }
}

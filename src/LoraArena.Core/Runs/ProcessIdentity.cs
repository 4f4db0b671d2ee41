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

    /// <summary>
    /// The machine in which the process ids of this process count: the boot of the kernel and the namespace of process ids, which a
    /// container has of its own. Neither a reboot nor another name of the host is taken for the same. Null where that is not known; there
    /// <see cref="Started"/> is a time, and a process of an earlier boot has another.
    /// </summary>
    public static string? Machine { get; } = OperatingSystem.IsLinux() ? MachineOnLinux() : null;

    /// <summary>True if the very process that a lease names is alive on this machine.</summary>
    public static bool IsAlive(int pid, long started) => Started(pid) == started;

    /// <summary>True if two machines, as <see cref="Machine"/> names them, are of one boot of one kernel.</summary>
    public static bool SameBoot(string machine, string other) => machine.Split('/')[0] == other.Split('/')[0];

    /// <summary>The arguments of a process, its program first; null where they cannot be seen.</summary>
    public static IReadOnlyList<string>? CommandLine(int pid)
    {
        if (!OperatingSystem.IsLinux()) return null;
        try
        {
            var line = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cmdline"));
            return line.Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? MachineOnLinux()
    {
        try
        {
            var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

            // A link such as pid:[4026531836].
            return $"{boot}/{File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false)?.Name}";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

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

using System.Diagnostics;
using System.Globalization;

namespace LoraArena.Benchmarks;

/// <summary>Clocks, memory and the figures made of them.</summary>
internal static class Measure
{
    /// <summary>Runs something and tells what it took.</summary>
    public static Measured Time(Action action)
    {
        var (cpu, clock) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
        action();
        return new Measured(Stopwatch.GetElapsedTime(clock).TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds, double.NaN);
    }

    /// <summary>The middle value.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0
            ? double.NaN
            : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2]
            : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Resident memory of this process, in bytes.</summary>
    public static long Resident() => Status("VmRSS:");

    /// <summary>Counts the peak anew from what is resident now, and gives that.</summary>
    public static long StartPeak()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        if (OperatingSystem.IsLinux())
        {
            using var file = new StreamWriter("/proc/self/clear_refs");
            file.Write("5");
        }

        return Resident();
    }

    /// <summary>Most that was resident since <see cref="StartPeak"/>, in bytes.</summary>
    public static long Peak() => Status("VmHWM:");

    /// <summary>Bytes as MiB.</summary>
    public static string MiB(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):0.0} MiB");

    private static long Status(string field)
    {
        const string Path = "/proc/self/status";
        if (!File.Exists(Path)) return Environment.WorkingSet;
        var line = File.ReadLines(Path).FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal));
        return line is null ? 0 : 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}

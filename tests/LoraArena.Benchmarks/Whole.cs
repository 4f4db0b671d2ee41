using System.Diagnostics;

namespace LoraArena.Benchmarks;

/// <summary>Whole processes, from their start to their end.</summary>
internal static class Whole
{
    /// <summary>Runs the command line of this repository, as it is published.</summary>
    /// <returns>Seconds by the clock.</returns>
    /// <exception cref="InvalidOperationException">It is not published, or it failed.</exception>
    public static double Arena(string store, params IEnumerable<string> arguments)
    {
        var program = Path.Join(Places.Root, "artifacts", "app", "arena");
        if (!File.Exists(program)) throw new InvalidOperationException($"{program} is missing: `dotnet publish src/LoraArena.Cli -o artifacts/app`.");
        return Run(program, [.. arguments, "--store", store]).Seconds;
    }

    /// <summary>Runs rows.py, which stands beside this program, with the Python on the PATH.</summary>
    /// <returns>Seconds by the clock.</returns>
    public static double Rows(params IEnumerable<string> arguments) => Run("python3", [Path.Join(AppContext.BaseDirectory, "Peer", "rows.py"), .. arguments]).Seconds;

    /// <summary>Runs a program to its end.</summary>
    /// <returns>What it printed, and seconds by the clock.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static (string Output, double Seconds) Run(string program, params IEnumerable<string> arguments)
    {
        var clock = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}; what it said is above.");
        return (output, Stopwatch.GetElapsedTime(clock).TotalSeconds);
    }
}

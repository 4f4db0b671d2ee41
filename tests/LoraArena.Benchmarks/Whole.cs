using System.Diagnostics;

namespace LoraArena.Benchmarks;

/// <summary>Whole processes, from their start to their end.</summary>
internal static class Whole
{
    /// <summary>Runs the command line of this repository, as it was built for release.</summary>
    /// <returns>Seconds by the clock.</returns>
    /// <exception cref="InvalidOperationException">It is not built, or it failed.</exception>
    public static double Arena(string store, params IEnumerable<string> arguments)
    {
        var program = Path.Join(Places.Root, "artifacts", "bin", "LoraArena.Cli", "release", "arena.dll");
        if (!File.Exists(program)) throw new InvalidOperationException($"{program} is missing: build it with `dotnet build -c Release`.");
        return Run("dotnet", ["exec", program, .. arguments, "--store", store]).Seconds;
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

using System.Diagnostics;
using System.Globalization;

namespace LoraArena.Benchmarks;

/// <summary>
/// <c>arena import</c> of a large train.csv beside Python's csv and json on the same file: whole processes, by turns. Both read every row and parse
/// its lists; the import also copies the file, checks and repairs the rows, draws the split and scores the baselines. The arena is there already.
/// </summary>
internal static class ImportBenchmark
{
    /// <summary>Runs it and prints the ratio of each pair.</summary>
    /// <param name="megabytes">Size of the file, 10⁶ bytes.</param>
    /// <param name="pairs">How many times each side reads it.</param>
    public static void Run(int megabytes, int pairs)
    {
        var arena = Path.Join(Places.Root, "artifacts", "bin", "LoraArena.Cli", "release", "arena.dll");
        if (!File.Exists(arena)) throw new InvalidOperationException($"{arena} is missing: build it with `dotnet build -c Release`.");
        var folder = Directory.CreateTempSubdirectory("loraarena-import-").FullName;
        try
        {
            var (csv, rows) = (Path.Join(folder, "train.csv"), Path.Join(AppContext.BaseDirectory, "Peer", "rows.py"));
            Time("python3", [rows, "make", Path.Join(Places.Shared, "data", "preferences", "train.csv"), csv, $"{megabytes}000000"]);
            var ratios = new List<double>();
            for (var pair = 0; pair < pairs; pair++)
            {
                var store = Path.Join(folder, FormattableString.Invariant($"store-{pair}"));
                Time("dotnet", ["exec", arena, "competitions", "--store", store]);
                var ours = Time("dotnet", ["exec", arena, "import", csv, "--competition", "import", "--store", store]);
                var theirs = Time("python3", [rows, "read", csv]);
                ratios.Add(ours / theirs);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pair + 1}: arena import {ours:0.00} s, Python {theirs:0.00} s, ratio {ours / theirs:0.00}"));
                Directory.Delete(store, recursive: true);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{new FileInfo(csv).Length / 1e6:0} MB: median of pairs {Measure.Median(ratios):0.00}"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Seconds by the clock, from the start of a process to its end.
    private static double Time(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        var clock = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}; what it said is above.");
        return Stopwatch.GetElapsedTime(clock).TotalSeconds;
    }
}

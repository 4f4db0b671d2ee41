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
        var folder = Directory.CreateTempSubdirectory("loraarena-import-").FullName;
        try
        {
            var csv = Path.Join(folder, "train.csv");
            Whole.Rows("make", Path.Join(Places.Shared, "data", "preferences", "train.csv"), csv, $"{megabytes}000000");
            var ratios = new List<double>();
            for (var pair = 0; pair < pairs; pair++)
            {
                var store = Path.Join(folder, FormattableString.Invariant($"store-{pair}"));
                Whole.Arena(store, "competitions");
                var (ours, theirs) = (Whole.Arena(store, "import", csv, "--competition", "import"), Whole.Rows("read", csv));
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
}

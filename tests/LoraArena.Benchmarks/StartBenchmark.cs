using LoraArena.Core.Files;

namespace LoraArena.Benchmarks;

/// <summary>How long a run takes from the start of its process to its first step: the first on its data, and later ones, which find model hash and tokens.</summary>
internal static class StartBenchmark
{
    private const string Beginning = "training begins ";

    /// <summary>Trains one step a run and prints what each run's log says.</summary>
    /// <param name="runs">How many runs.</param>
    public static void Run(int runs)
    {
        var folder = Directory.CreateTempSubdirectory("loraarena-start-").FullName;
        try
        {
            var (csv, store) = (Path.Join(folder, "train.csv"), Path.Join(folder, "store"));
            Whole.Rows("make", Path.Join(Places.Shared, "data", "preferences", "train.csv"), csv, "1000000");
            Whole.Arena(store, "import", csv, "--competition", "start");
            Whole.Arena(store, "models", "add", Path.Join(Places.Shared, "models", "minilm-l6"), "--name", "minilm");
            for (var run = 0; run < runs; run++)
            {
                Whole.Arena(store, "run", "--competition", "start", "--model", "minilm", "--variant", "lora", "-s", "max_steps=1");
            }

            var arena = new ArenaFolder(store);
            foreach (var run in Directory.EnumerateDirectories(arena.Runs).Order(StringComparer.Ordinal))
            {
                Console.WriteLine(File.ReadLines(Path.Join(run, "log.txt")).Single(line => line.Contains(Beginning, StringComparison.Ordinal)));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

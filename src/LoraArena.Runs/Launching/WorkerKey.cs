namespace LoraArena.Runs.Launching;

/// <summary>
/// Names what the answer of a worker depends on: its build, its libtorch, this host and its GPUs. An arena that is moved to another machine,
/// or whose worker gets another libtorch or driver, is asked anew.
/// </summary>
public static class WorkerKey
{
    private const string DriverFolder = "/proc/driver/nvidia";

    private static readonly string[] Variables = ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"];

    /// <summary>The key.</summary>
    /// <param name="workerHash">Hash of the worker's own assemblies.</param>
    /// <param name="workerFolder">Where they are.</param>
    public static string Of(string workerHash, string workerFolder)
        => Of(workerHash, workerFolder, Environment.GetEnvironmentVariable("LORAARENA_LIBTORCH"), Environment.MachineName, DriverFolder);

    /// <summary>The same for a host that is not this one.</summary>
    /// <param name="workerHash">Hash of the worker's own assemblies.</param>
    /// <param name="workerFolder">Where they are.</param>
    /// <param name="libtorch">Folder of a libtorch that takes the place of the worker's; null where none does.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="driver">Where NVIDIA's driver tells its version and GPUs.</param>
    public static string Of(string workerHash, string workerFolder, string? libtorch, string host, string driver) => string.Join(
        '|',
        [
            workerHash, Libtorch(workerFolder, libtorch), host, Driver(driver),
            .. Variables.Select(name => $"{name}={Environment.GetEnvironmentVariable(name)}"),
        ]);

    // The flavours differ in their files, and versions in the sizes of those.
    private static string Libtorch(string workerFolder, string? chosen)
    {
        string[] places = string.IsNullOrEmpty(chosen)
            ? [Path.Join(workerFolder, "libtorch"), .. Native(workerFolder), workerFolder]
            : [chosen, Path.Join(chosen, "lib")];
        var files = places.Where(Directory.Exists)
            .SelectMany(folder => new DirectoryInfo(folder).EnumerateFiles("*torch_c*").Concat(new DirectoryInfo(folder).EnumerateFiles("*c10*")))
            .Select(file => FormattableString.Invariant($"{file.Name}:{file.Length}"));
        return $"{chosen}({string.Join(',', files.Order(StringComparer.Ordinal))})";
    }

    private static IEnumerable<string> Native(string workerFolder)
    {
        var runtimes = Path.Join(workerFolder, "runtimes");
        return Directory.Exists(runtimes) ? Directory.EnumerateDirectories(runtimes).Select(folder => Path.Join(folder, "native")) : [];
    }

    private static string Driver(string folder)
    {
        try
        {
            var version = Path.Join(folder, "version");
            if (!File.Exists(version)) return "";
            var gpus = Path.Join(folder, "gpus");
            string?[] names = Directory.Exists(gpus) ? [.. Directory.EnumerateDirectories(gpus).Select(Path.GetFileName).Order(StringComparer.Ordinal)] : [];
            return $"{File.ReadAllText(version).ReplaceLineEndings(" ").Trim()}({string.Join(',', names)})";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error.GetType().Name;
        }
    }
}

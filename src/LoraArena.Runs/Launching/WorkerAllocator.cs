namespace LoraArena.Runs.Launching;

/// <summary>
/// The library that hands out the worker's memory on Linux. With glibc's own a training was seen to hold twice the memory that its tensors need, and with
/// tcmalloc, which keeps blocks of a size together, little more than that, in the same time (docs/benchmarks.md).
/// </summary>
public static class WorkerAllocator
{
    /// <summary>Names the file of another library; <c>none</c> for the system's own.</summary>
    public const string Variable = "LORAARENA_ALLOCATOR";

    private const string None = "none";
    private static readonly string[] Folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
    private static readonly string[] Names = ["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"];

    /// <summary>The library's file: what <see cref="Variable"/> names, else tcmalloc where it is installed; null for the system's own.</summary>
    /// <exception cref="WorkerException">The file that was named is not there.</exception>
    public static string? Find() => OperatingSystem.IsLinux() ? Find(Environment.GetEnvironmentVariable(Variable), Folders) : null;

    /// <summary>The same for other folders.</summary>
    /// <param name="chosen">A file, or <c>none</c>; null or empty to look for one.</param>
    /// <param name="folders">Where libraries are.</param>
    /// <exception cref="WorkerException">The file that was chosen is not there.</exception>
    public static string? Find(string? chosen, IEnumerable<string> folders)
    {
        if (chosen == None) return null;
        if (string.IsNullOrEmpty(chosen)) return Names.SelectMany(name => folders.Select(folder => Path.Join(folder, name))).FirstOrDefault(File.Exists);
        if (Path.IsPathFullyQualified(chosen) && File.Exists(chosen)) return chosen;
        throw new WorkerException($"{Variable} names {chosen}, which is no file that is there. Let it name that of a library, such as /usr/lib/x86_64-linux-gnu/{Names[0]}, or '{None}' for the system's own.");
    }
}

namespace LoraArena.Benchmarks;

/// <summary>Where things are.</summary>
internal static class Places
{
    /// <summary>The repository: the first folder above this program that holds the solution.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>Folder of models, data and the Python stack.</summary>
    public static string Shared => Environment.GetEnvironmentVariable("LORAARENA_SHARED") is { Length: > 0 } folder ? folder : Path.Join(Root, "..", "shared");

    private static string Find(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Join(folder.FullName, "LoraArena.sln"))) return folder.FullName;
        }

        return Environment.CurrentDirectory;
    }
}

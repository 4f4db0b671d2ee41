namespace LoraArena.Starter.Tests;

/// <summary>Where tests find and put files.</summary>
internal static class Places
{
    /// <summary>Root of the repository.</summary>
    public static string Repository { get; } = FindRepository();

    private static string FindRepository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Join(folder, "LoraArena.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("LoraArena.sln is in no folder above.");
        }

        return folder;
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    /// <summary>The folder.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("loraarena-starter-").FullName;

    /// <summary>A path in it.</summary>
    public string At(string name) => System.IO.Path.Join(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

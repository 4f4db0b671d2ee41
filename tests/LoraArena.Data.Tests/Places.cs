namespace LoraArena.Data.Tests;

/// <summary>Where tests find and put files.</summary>
internal static class Places
{
    /// <summary>Root of the repository.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>A file of the shared material, or the test is skipped where it is missing.</summary>
    public static string Shared(string path)
    {
        var root = Environment.GetEnvironmentVariable("LORAARENA_SHARED") is { Length: > 0 } given ? given : Path.Join(Repository, "..", "shared");
        var file = Path.GetFullPath(Path.Join(root, path));
        Assert.SkipUnless(File.Exists(file), $"{file} is not here: the shared material stands beside the repository or where LORAARENA_SHARED says.");
        return file;
    }

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
    public string Path { get; } = Directory.CreateTempSubdirectory("loraarena-data-").FullName;

    /// <summary>A path in it.</summary>
    public string At(string name) => System.IO.Path.Join(Path, name);

    /// <summary>Writes a file into it and returns its path.</summary>
    public string Write(string name, byte[] content)
    {
        using var file = File.Create(At(name));
        file.Write(content);
        return At(name);
    }

    /// <summary>Writes a text as UTF-8 and returns its path.</summary>
    public string Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

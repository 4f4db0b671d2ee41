namespace LoraArena.Tokenizers.Tests;

/// <summary>Where tests find their files.</summary>
internal static class TestFiles
{
    /// <summary>Root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A file of this folder's fixtures.</summary>
    public static string Fixture(params string[] parts) => Path.Join([Root, "tests", "LoraArena.Tokenizers.Tests", "Fixtures", .. parts]);

    /// <summary>A file or folder that is not part of the repository; skips the test where it is missing.</summary>
    public static string Shared(params string[] parts)
    {
        var shared = Environment.GetEnvironmentVariable("LORAARENA_SHARED") ?? Path.Join(Root, "..", "shared");
        var path = Path.GetFullPath(Path.Join([shared, .. parts]));
        Assert.SkipUnless(Path.Exists(path), $"{path} is missing; LORAARENA_SHARED names the folder it should be in");
        return path;
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Join(folder, "LoraArena.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        }

        return folder;
    }
}

/// <summary>A folder that vanishes with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    /// <summary>The folder.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("loraarena-").FullName;

    /// <summary>Writes a file into it and gives the folder.</summary>
    public string With(string name, string content)
    {
        using var writer = new StreamWriter(System.IO.Path.Join(Path, name));
        writer.Write(content);
        return Path;
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}

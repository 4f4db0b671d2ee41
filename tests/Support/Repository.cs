namespace LoraArena.Tests.Support;

/// <summary>Where things are in the repository.</summary>
internal static class Repository
{
    /// <summary>Its top folder.</summary>
    public static string Root { get; } = Find();

    /// <summary>The base model that is shipped.</summary>
    public static string NanoModel => Path.Join(Root, "data", "models", "arena-nano");

    /// <summary>The starter competition.</summary>
    public static string Starter => Path.Join(Root, "data", "competitions", "starter");

    /// <summary>The header and the first rows of a file of the starter, in UTF-8.</summary>
    public static byte[] FirstRows(string file, int rows)
    {
        // A row of the starter is one line: its cells are JSON, in which line feeds are escaped.
        return System.Text.Encoding.UTF8.GetBytes(string.Concat(File.ReadLines(Path.Join(Starter, file)).Take(rows + 1).Select(line => line + "\n")));
    }

    /// <summary>A program that is built with the tests: artifacts/bin/&lt;project&gt;/&lt;configuration&gt;/&lt;assembly&gt;.dll.</summary>
    public static string Program(string project, string assembly)
        => Path.GetFullPath(Path.Join(
            AppContext.BaseDirectory, "..", "..", project, Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)),
            assembly + ".dll"));

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Join(folder.FullName, "LoraArena.sln"))) return folder.FullName;
        }

        throw new InvalidOperationException("LoraArena.sln is not above the tests.");
    }
}

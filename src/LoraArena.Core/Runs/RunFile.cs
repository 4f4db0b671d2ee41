using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Core.Runs;

/// <summary>Reads the JSON files of a run folder.</summary>
public static class RunFile
{
    /// <summary>Reads a file that must be there.</summary>
    /// <exception cref="RunFileException">It is not there, is not JSON or lacks a field.</exception>
    public static T Read<T>(string path) where T : class
        => TryRead<T>(path) ?? throw new RunFileException(path, "the file is missing");

    /// <summary>Reads a file, or gives null where there is none.</summary>
    /// <exception cref="RunFileException">It is not JSON or lacks a field.</exception>
    public static T? TryRead<T>(string path) where T : class
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<T>(bytes, ArenaJson.Indented) ?? throw new RunFileException(path, "the file holds null");
        }
        catch (JsonException error)
        {
            throw new RunFileException(path, error.Message);
        }
    }
}

/// <summary>A file of a run folder that cannot be used.</summary>
public sealed class RunFileException(string path, string reason) : Exception($"{path}: {reason}")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}

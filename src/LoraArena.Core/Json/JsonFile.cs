using System.Globalization;
using System.Text.Json;

namespace LoraArena.Core.Json;

/// <summary>Reads the JSON files of the store: of runs, competitions, models and trials.</summary>
public static class JsonFile
{
    /// <summary>Reads a file that must be there.</summary>
    /// <exception cref="JsonFileException">It is not there, is not JSON or lacks a field.</exception>
    public static T Read<T>(string path) where T : class
        => TryRead<T>(path) ?? throw new JsonFileException(path, "the file is missing");

    /// <summary>Reads a file, or gives null where there is none.</summary>
    /// <exception cref="JsonFileException">It is not JSON or lacks a field.</exception>
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
            return JsonSerializer.Deserialize<T>(bytes, ArenaJson.Indented) ?? throw new JsonFileException(path, "the file holds null");
        }
        catch (JsonException error)
        {
            throw new JsonFileException(path, Sentence(error, bytes.Length));
        }
    }

    /// <summary>Reads a file that can be made again; null where it is missing or damaged.</summary>
    public static T? TryReadDerived<T>(string path) where T : class
    {
        try
        {
            return TryRead<T>(path);
        }
        catch (JsonFileException)
        {
            return null;
        }
    }

    private static string Sentence(JsonException error, int bytes)
    {
        if (bytes == 0) return "the file is empty; restore it from a backup, or move its folder away";
        if (error.LineNumber is not { } line) return $"the file lacks what belongs into it ({error.Message})";
        var place = string.Create(CultureInfo.InvariantCulture, $"line {line + 1}, byte {error.BytePositionInLine + 1}");
        var what = error.InnerException is null && error.Path is not (null or "$" or "") ? $"{place}, field {error.Path}" : place;
        return $"the file is damaged: it is not the JSON that belongs there ({what}); restore it from a backup, or move its folder away";
    }
}

/// <summary>A JSON file of the store that cannot be used.</summary>
public sealed class JsonFileException(string path, string reason) : Exception($"{path}: {reason}")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}

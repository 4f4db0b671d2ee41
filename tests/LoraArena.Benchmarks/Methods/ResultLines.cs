using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Benchmarks.Methods;

/// <summary>Results in a file, one JSON line each, written as they come: a run that is stopped loses nothing and does nothing twice.</summary>
/// <typeparam name="T">One result.</typeparam>
/// <param name="path">The file.</param>
internal sealed class ResultLines<T>(string path)
{
    /// <summary>All results that are there.</summary>
    public IReadOnlyList<T> Read()
        => File.Exists(path) ? [.. File.ReadAllLines(path)
            .Where(line => line.Length > 0)
            .Select(line => JsonSerializer.Deserialize<T>(line, ArenaJson.Line)!)] : [];

    /// <summary>Adds one.</summary>
    public void Add(T result)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using var file = new StreamWriter(path, append: true);
        file.WriteLine(JsonSerializer.Serialize(result, ArenaJson.Line));
    }
}

using System.Text.RegularExpressions;
using LoraArena.Core.Json;

namespace LoraArena.Core.Models;

/// <summary>Where a downloaded model is from: written beside its files.</summary>
/// <param name="Repository">Its repository, such as <c>owner/name</c>.</param>
/// <param name="Revision">The commit.</param>
/// <param name="License">The licence that the repository names; null where it names none.</param>
public sealed partial record ModelSource(string Repository, string Revision, string? License)
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "arena_source.json";

    /// <summary>Reads what stands beside a model's files; null where nothing does.</summary>
    public static ModelSource? Of(string folder)
    {
        try
        {
            var path = Path.Join(folder, FileName);
            return File.Exists(path) ? System.Text.Json.JsonSerializer.Deserialize<ModelSource>(File.ReadAllBytes(path), ArenaJson.Indented) : null;
        }
        catch (Exception error) when (error is System.Text.Json.JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// What to call a base model in a file that leaves this host: its repository where it is known, else the folder's name. Never a path.
    /// </summary>
    public static string PublicName(string folder)
    {
        if (Of(folder) is { } source && IsRepository(source.Repository)) return source.Repository;
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        return string.IsNullOrEmpty(name) ? "base-model" : name;
    }

    /// <summary>True for a repository's id: one name, or an owner and a name.</summary>
    public static bool IsRepository(string text) => text.Length <= 200 && RepositoryPattern().IsMatch(text) && !text.Contains("..", StringComparison.Ordinal);

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$", RegexOptions.CultureInvariant)]
    private static partial Regex RepositoryPattern();
}

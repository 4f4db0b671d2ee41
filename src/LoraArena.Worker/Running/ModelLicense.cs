using System.Text.RegularExpressions;
using LoraArena.Core.Models;

namespace LoraArena.Worker.Running;

/// <summary>The licence of a model folder: what its source said, or the first lines of its README.md, where Hugging Face's model cards have it.</summary>
internal static partial class ModelLicense
{
    private const int MaxLines = 200;

    /// <summary>The licence; null where nothing names one.</summary>
    public static string? Of(string folder) => ModelSource.Of(folder)?.License ?? OfCard(Path.Join(folder, "README.md"));

    // ---, then fields, then --- again.
    private static string? OfCard(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            var lines = File.ReadLines(path).Take(MaxLines).ToList();
            if (lines.Count == 0 || lines[0].Trim() != "---") return null;
            var fields = lines.Skip(1)
                .TakeWhile(line => line.Trim() != "---")
                .Select(line => Field().Match(line))
                .Where(match => match.Success)
                .ToLookup(match => match.Groups["key"].Value, match => match.Groups["value"].Value);
            var license = fields["license"].FirstOrDefault();
            return license is "other" && fields["license_name"].FirstOrDefault() is { } name ? name : license;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [GeneratedRegex("""^(?<key>license|license_name):\s*["']?(?<value>[A-Za-z0-9][A-Za-z0-9 ._+-]{0,80}?)["']?\s*$""", RegexOptions.CultureInvariant)]
    private static partial Regex Field();
}

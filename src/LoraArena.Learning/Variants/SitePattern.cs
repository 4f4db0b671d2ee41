using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;

namespace LoraArena.Learning.Variants;

/// <summary>
/// A number for some sites, by PEFT's rule for <c>rank_pattern</c> and <c>alpha_pattern</c>: each key is a regular expression for the end of a
/// site's path, and the first that matches counts. As text: <c>query=4, layer.0.output.dense=16</c>, or the JSON object of adapter_config.json.
/// </summary>
public sealed class SitePattern
{
    // A layer asks for its rank each time that it is counted: the last patterns are kept as read.
    private const int MaxKept = 64;
    private static readonly ConcurrentDictionary<(string Name, string Text), SitePattern> Kept = new();
    private static readonly SitePattern Nothing = new();
    private readonly List<(string Key, PathPattern Pattern, double Value)> _entries = [];

    private SitePattern()
    {
    }

    /// <summary>Reads a pattern; nothing gives one that matches no site.</summary>
    /// <param name="name">The option's name, for messages.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="OptionException">It cannot be read.</exception>
    public static SitePattern Parse(string name, string? text)
    {
        if (text is null) return Nothing;
        if (Kept.TryGetValue((name, text), out var kept)) return kept;
        if (Kept.Count >= MaxKept) Kept.Clear();
        return Kept[(name, text)] = Read(name, text);
    }

    private static SitePattern Read(string name, string text)
    {
        var pattern = new SitePattern();
        foreach (var (key, value) in Pairs(name, text))
        {
            pattern._entries.Add((key, new PathPattern(name, key, $@"^(.*\.)?({key})$"), value));
        }

        return pattern;
    }

    /// <summary>Reads a rank_pattern.</summary>
    /// <exception cref="OptionException">It cannot be read, or gives a rank that none can have.</exception>
    public static SitePattern ParseRanks(string? text)
    {
        var pattern = Parse("rank_pattern", text);
        foreach (var (key, rank) in pattern.Entries)
        {
            if (rank != Math.Floor(rank) || rank > 1024)
            {
                throw new OptionException(FormattableString.Invariant($"rank_pattern gives '{key}' the rank {rank}; a whole number from 1 to 1024 is needed."));
            }
        }

        return pattern;
    }

    /// <summary>The object that adapter_config.json has; whole numbers are written as such.</summary>
    public JsonObject ToJson()
        => new(Entries.Select(e => KeyValuePair.Create<string, JsonNode?>(
            e.Key, e.Value == Math.Floor(e.Value) && e.Value < int.MaxValue ? (int)e.Value : e.Value)));

    /// <summary>The number for a site; null where no key matches.</summary>
    public double? For(string path) => _entries.Where(entry => entry.Pattern.IsMatch(path)).Select(entry => (double?)entry.Value).FirstOrDefault();

    /// <summary>Keys and numbers, in their order.</summary>
    public IEnumerable<KeyValuePair<string, double>> Entries => _entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value));

    private static List<(string Key, double Value)> Pairs(string name, string text)
    {
        try
        {
            if (text.TrimStart().StartsWith('{'))
            {
                using var json = JsonDocument.Parse(text);
                return [.. json.RootElement.EnumerateObject().Select(p => (p.Name, Positive(p.Value.GetDouble())))];
            }

            return [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part => part.LastIndexOf('=') is var at and > 0
                ? (part[..at].Trim(), Positive(double.Parse(part[(at + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture)))
                : throw new FormatException($"'{part}' has no '='"))];
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException or OverflowException)
        {
            throw new OptionException($"{name} '{text}' cannot be read ({error.Message}); write it as query=4, output.dense=16.");
        }
    }

    private static double Positive(double value)
        => value > 0 && double.IsFinite(value) ? value : throw new FormatException(FormattableString.Invariant($"{value} is not above 0"));
}

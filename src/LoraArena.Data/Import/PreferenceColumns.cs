using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;

namespace LoraArena.Data.Import;

/// <summary>Where the columns of a preference file stand. Names are exact; order is free; other columns are passed over.</summary>
internal sealed class PreferenceColumns
{
    public const string Id = "id";
    public const string ModelA = "model_a";
    public const string ModelB = "model_b";
    public const string Prompt = "prompt";
    public const string ResponseA = "response_a";
    public const string ResponseB = "response_b";

    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);

    /// <summary>Finds the columns that a role needs.</summary>
    /// <exception cref="CsvRefusedException">One is missing or there twice; the message says what was found.</exception>
    public PreferenceColumns(IReadOnlyList<string> header, FileRole role, string file)
    {
        for (var i = 0; i < header.Count; i++)
        {
            if (_places.TryAdd(header[i], i) || !(Needed(role).Contains(header[i]) || header[i] is ModelA or ModelB)) continue;
            throw new CsvRefusedException(file, 1, null, $"column '{header[i]}' is there twice; the header is: {Shown(header)}");
        }

        var missing = Needed(role).Where(name => !_places.ContainsKey(name)).ToList();
        if (missing.Count == 0) return;
        var similar = missing
            .Select(name => (Name: name, Found: header.FirstOrDefault(other => Alike(name, other))))
            .Where(pair => pair.Found is not null)
            .Select(pair => $" Rename '{pair.Found}' to '{pair.Name}'.");
        var what = $"for a {role.ToString().ToLowerInvariant()} file {(missing.Count == 1 ? "this column is" : "these columns are")} missing: {string.Join(", ", missing)}";
        throw new CsvRefusedException(file, 1, null, $"{what}; the header is: {Shown(header)}.{string.Concat(similar)}");
    }

    /// <summary>Place of a column that the role needs.</summary>
    public int this[string name] => _places[name];

    /// <summary>The cell of a column that need not be there.</summary>
    public string? Optional(string name, string[] cells) => _places.TryGetValue(name, out var place) ? cells[place] : null;

    /// <summary>The role that a header fits; null where it fits none.</summary>
    public static FileRole? Guess(IReadOnlyList<string> header)
    {
        foreach (var role in new[] { FileRole.Train, FileRole.Sample, FileRole.Test })
        {
            if (Needed(role).All(header.Contains)) return role;
        }

        return null;
    }

    private static IReadOnlyList<string> Needed(FileRole role) => role switch
    {
        FileRole.Train => [Id, Prompt, ResponseA, ResponseB, .. Winners.Columns],
        FileRole.Test => [Id, Prompt, ResponseA, ResponseB],
        FileRole.Sample => [Id, .. Winners.Columns],
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "not a role"),
    };

    private static bool Alike(string wanted, string found)
        => string.Equals(wanted, found.Trim().Replace(' ', '_').Replace('-', '_'), StringComparison.OrdinalIgnoreCase);

    private static string Shown(IReadOnlyList<string> header)
        => string.Join(", ", header.Take(20).Select(name => CellText.Shown(name, quoted: false))) + (header.Count > 20 ? ", …" : "");
}

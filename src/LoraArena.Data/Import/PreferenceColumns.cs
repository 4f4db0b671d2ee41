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
    /// <exception cref="CsvRefusedException">One is missing or there twice; the message says what was found and what to rename.</exception>
    public PreferenceColumns(CsvInput csv, FileRole role, string file)
    {
        var header = csv.Header;
        for (var i = 0; i < header.Count; i++)
        {
            if (_places.TryAdd(header[i], i) || !(Needed(role).Contains(header[i]) || header[i] is ModelA or ModelB)) continue;
            throw new CsvRefusedException(file, csv.HeaderLine, null, $"column '{header[i]}' is there twice; the header is: {CellText.Header(header)}");
        }

        if (Missing(header, role).Count > 0) throw Refusal(csv, role, file);
    }

    /// <summary>Texts of a conversation, in the order of the file form.</summary>
    public static IReadOnlyList<string> Texts { get; } = [Prompt, ResponseA, ResponseB];

    /// <summary>Place of a column that the role needs.</summary>
    public int this[string name] => _places[name];

    /// <summary>The cell of a column; null where there is no such column, or the row ends before it.</summary>
    public string? Optional(string name, string[] cells) => _places.TryGetValue(name, out var place) && place < cells.Length ? cells[place] : null;

    /// <summary>
    /// The role that a header fits; null where it fits none. A guess is made only where nothing speaks against it: columns that look like
    /// labels or models make a file train data, whatever else is damaged.
    /// </summary>
    /// <exception cref="CsvRefusedException">The header is that of a role with some columns damaged or missing.</exception>
    public static FileRole? Guess(CsvInput csv, string file)
    {
        var header = csv.Header;
        if (Missing(header, FileRole.Train).Count == 0) return FileRole.Train;
        var texts = header.Any(name => Texts.Any(text => ColumnNames.Fold(text) == ColumnNames.Fold(name)));
        var models = header.Any(ColumnNames.IsLikeAModel);
        var labels = header.Any(ColumnNames.IsLikeALabel);
        if (texts && (labels || models)) throw Refusal(csv, FileRole.Train, file, guessed: true);
        if (texts) return Missing(header, FileRole.Test).Count == 0 ? FileRole.Test : throw Refusal(csv, FileRole.Test, file, guessed: true);
        if (labels && models) throw Refusal(csv, FileRole.Train, file, guessed: true);
        if (!header.Any(name => Winners.Columns.Any(column => ColumnNames.Fold(column) == ColumnNames.Fold(name)))) return null;
        return Missing(header, FileRole.Sample).Count == 0 ? FileRole.Sample : throw Refusal(csv, FileRole.Sample, file, guessed: true);
    }

    private static CsvRefusedException Refusal(CsvInput csv, FileRole role, string file, bool guessed = false)
    {
        var header = csv.Header;
        var missing = Missing(header, role);
        var renamed = missing
            .Select(name => (Name: name, Found: header.FirstOrDefault(other => ColumnNames.Fold(other) == ColumnNames.Fold(name))))
            .Where(pair => pair.Found is not null)
            .ToList();
        var hints = renamed.Select(pair => $" Rename {CellText.Show(pair.Found!)} to '{pair.Name}'.").ToList();
        var others = header.Where(name => !Winners.Columns.Contains(name)
            && renamed.All(pair => pair.Found != name)
            && ColumnNames.IsLikeALabel(name)).ToList();
        if (role != FileRole.Test && others.Count > 0 && missing.Any(name => Winners.Columns.Contains(name) && renamed.All(pair => pair.Name != name)))
        {
            var looks = others.Count == 1 ? "looks like the label" : "look like labels";
            hints.Add($" {string.Join(", ", others.Select(name => CellText.Show(name)))} {looks}: "
                + $"who won stands in three columns here, {string.Join(", ", Winners.Columns)}, with 1 in one of them and 0 in the others.");
        }

        if (guessed && role == FileRole.Train)
        {
            hints.Add(" Columns for labels or models make this train data; where it is test data, leave them out or say that it is a test file.");
        }

        var what = missing.Count == 1 ? "this column is" : "these columns are";
        var reason = $"for a {role.ToString().ToLowerInvariant()} file {what} missing: {string.Join(", ", missing)}; the header is: {CellText.Header(header)}.";
        return new CsvRefusedException(file, csv.HeaderLine, null, reason + string.Concat(hints));
    }

    private static List<string> Missing(IReadOnlyList<string> header, FileRole role) => [.. Needed(role).Where(name => !header.Contains(name))];

    private static IReadOnlyList<string> Needed(FileRole role) => role switch
    {
        FileRole.Train => [Id, .. Texts, .. Winners.Columns],
        FileRole.Test => [Id, .. Texts],
        FileRole.Sample => [Id, .. Winners.Columns],
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "not a role"),
    };
}

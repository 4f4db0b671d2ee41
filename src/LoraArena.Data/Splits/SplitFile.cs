using System.Text.Json;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Splits;

/// <summary>A split that a user brings as lists of row ids: <c>{"train": […], "validation": […]}</c>.</summary>
public static class SplitFile
{
    /// <summary>Reads such a file and checks it against the training data.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">What the split will be called.</param>
    /// <param name="rows">The training data, without its texts.</param>
    /// <returns>The split, and warnings about prompts that stand on both sides.</returns>
    /// <exception cref="SplitException">The file is not of this form, or its ids do not fit the data.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (Split Split, IReadOnlyList<string> Warnings) Read(string path, string name, IEnumerable<LabelledRow> rows)
    {
        var file = Path.GetFileName(path);
        JsonDocument document;
        try
        {
            // Windows' editors begin a file with a byte order mark.
            var bytes = File.ReadAllBytes(path).AsMemory();
            document = JsonDocument.Parse(bytes.Span.StartsWith("\ufeff"u8) ? bytes[3..] : bytes);
        }
        catch (JsonException error)
        {
            throw new SplitException($"{file}: not JSON: {error.Message}");
        }

        using (document)
        {
            var split = new Split(name, SplitKind.File, null, Ids(document.RootElement, "train", file), Ids(document.RootElement, "validation", file), null);
            split.Check();
            var groups = rows.ToDictionary(row => row.Id, row => row.Group, StringComparer.Ordinal);
            var unknown = split.Train!.Concat(split.Validation!).Where(id => !groups.ContainsKey(id)).ToList();
            if (unknown.Count == 0) return (split, Leaks(split, groups));
            throw new SplitException(Invariant($"{file}: {unknown.Count} {(unknown.Count == 1 ? "id is" : "ids are")} not in the training data: {CellText.FirstFew(unknown)}"));
        }
    }

    /// <summary>Ids are texts; a number counts as the text it is written as.</summary>
    private static List<string> Ids(JsonElement root, string side, string file)
    {
        var list = root.ValueKind == JsonValueKind.Object && root.TryGetProperty(side, out var found) ? found : default;
        if (list.ValueKind != JsonValueKind.Array) throw Form(file, $"there is no list '{side}'");
        var ids = new List<string>(list.GetArrayLength());
        foreach (var id in list.EnumerateArray())
        {
            try
            {
                ids.Add(id.ValueKind switch
                {
                    JsonValueKind.String => id.GetString()!,
                    JsonValueKind.Number => id.GetRawText(),
                    _ => throw Form(file, $"{side}[{ids.Count}] is neither a text nor a number"),
                });
            }
            catch (InvalidOperationException)
            {
                // An escape of half a character.
                throw Form(file, $"{side}[{ids.Count}] is not valid Unicode");
            }
        }

        return ids;
    }

    private static SplitException Form(string file, string reason)
        => new($"{file}: {reason}; a split file has the form {{\"train\": [ids], \"validation\": [ids]}}");

    private static List<string> Leaks(Split split, Dictionary<string, string> groups)
    {
        var trained = split.Train!.Select(id => groups[id]).ToHashSet(StringComparer.Ordinal);
        var leaking = split.Validation!.Where(id => trained.Contains(groups[id])).ToList();
        if (leaking.Count == 0) return [];
        var rows = leaking.Count == 1 ? "row has its" : "rows have their";
        return [Invariant($"{leaking.Count} validation {rows} prompt in train too, so scores will look better than they are: {CellText.FirstFew(leaking)}")];
    }
}

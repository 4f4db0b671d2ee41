using System.Text.Json;

namespace LoraArena.Learning.Text.Files;

/// <summary>A part of a JSON file that knows its place, so that every complaint names it.</summary>
/// <param name="file">The file.</param>
/// <param name="place">JSON path of the part.</param>
/// <param name="element">Its content.</param>
internal readonly struct JsonPart(string file, string place, JsonElement element)
{
    private const int ShownCharacters = 60;

    /// <summary>The content.</summary>
    public JsonElement Element => element;

    /// <summary>A member that must be there and not be null.</summary>
    public JsonPart this[string name] => Find(name) ?? throw Problem($"the field \"{name}\" is missing");

    /// <summary>A member, or null where it is missing or null.</summary>
    public JsonPart? Find(string name)
    {
        if (element.ValueKind != JsonValueKind.Object) throw Wanted("an object");
        return element.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? new JsonPart(file, $"{place}.{name}", member) : null;
    }

    /// <summary>The elements of an array.</summary>
    public IEnumerable<JsonPart> Items()
    {
        if (element.ValueKind != JsonValueKind.Array) throw Wanted("an array");
        var (path, name) = (place, file);
        return element.EnumerateArray().Select((item, index) => new JsonPart(name, $"{path}[{index}]", item));
    }

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, JsonPart Value)> Members()
    {
        if (element.ValueKind != JsonValueKind.Object) throw Wanted("an object");
        var (path, name) = (place, file);
        return element.EnumerateObject().Select(member => (member.Name, new JsonPart(name, $"{path}[\"{Shorten(member.Name)}\"]", member.Value)));
    }

    /// <summary>The text of a string.</summary>
    public string Text()
    {
        if (element.ValueKind != JsonValueKind.String) throw Wanted("a string");
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Problem("the string holds an unpaired surrogate, so it is not text");
        }
    }

    /// <summary>True or false.</summary>
    public bool Flag() => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wanted("true or false"),
    };

    /// <summary>A whole number within bounds.</summary>
    public int Number(int lowest, int highest)
    {
        if (element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var number) && number >= lowest && number <= highest) return number;
        throw Wanted($"a whole number from {lowest} to {highest}");
    }

    /// <summary>Reads a component by the name in its field <c>type</c>.</summary>
    /// <exception cref="TokenizerException">There is no such type.</exception>
    public T ReadByType<T>(string kind, Dictionary<string, Func<JsonPart, T>> readers) => ReadByType(kind, this["type"].Text(), readers);

    /// <summary>Reads a component by its name.</summary>
    /// <exception cref="TokenizerException">There is no such type.</exception>
    public T ReadByType<T>(string kind, string type, Dictionary<string, Func<JsonPart, T>> readers)
    {
        if (readers.TryGetValue(type, out var read)) return read(this);
        throw Problem($"the {kind} type \"{Shorten(type)}\" is not supported; supported are {string.Join(", ", readers.Keys.Order(StringComparer.Ordinal))}");
    }

    /// <summary>A complaint about the kind of the content.</summary>
    public TokenizerException Wanted(string wanted) => Problem($"found {Found()}, wanted {wanted}");

    /// <summary>A complaint.</summary>
    public TokenizerException Problem(string problem) => new(file, place, problem);

    private string Found() => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => Shorten(element.GetRawText()),
    };

    private static string Shorten(string text) => text.Length <= ShownCharacters ? text : text[..ShownCharacters] + "…";
}

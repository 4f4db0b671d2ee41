using System.Text.Json;

namespace LoraArena.Tokenizers.Files;

/// <summary>A part of a JSON file that knows its place, so that every complaint names it.</summary>
internal readonly struct JsonPart
{
    private const int ShownCharacters = 60;
    private const int NoIndex = -1;

    private readonly string _file;
    private readonly JsonElement _element;

    // The place is put together only for a complaint: tables have hundreds of thousands of parts.
    private readonly string _parent;
    private readonly string? _name;
    private readonly int _index;

    /// <summary>The root of a file.</summary>
    public JsonPart(string file, JsonElement root) : this(file, "$", null, NoIndex, root)
    {
    }

    private JsonPart(string file, string parent, string? name, int index, JsonElement element)
        => (_file, _parent, _name, _index, _element) = (file, parent, name, index, element);

    /// <summary>The content.</summary>
    public JsonElement Element => _element;

    /// <summary>A member that must be there and not be null.</summary>
    public JsonPart this[string name] => Find(name) ?? throw Problem($"the field \"{name}\" is missing");

    /// <summary>A member, or null where it is missing or null.</summary>
    public JsonPart? Find(string name)
    {
        if (_element.ValueKind != JsonValueKind.Object) throw Wanted("an object");
        return _element.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null
            ? new JsonPart(_file, $"{Place}.{name}", null, NoIndex, member)
            : null;
    }

    /// <summary>The elements of an array.</summary>
    public IEnumerable<JsonPart> Items()
    {
        if (_element.ValueKind != JsonValueKind.Array) throw Wanted("an array");
        var (place, file) = (Place, _file);
        return _element.EnumerateArray().Select((item, index) => new JsonPart(file, place, null, index, item));
    }

    /// <summary>The members of an object.</summary>
    public IEnumerable<(string Name, JsonPart Value)> Members()
    {
        if (_element.ValueKind != JsonValueKind.Object) throw Wanted("an object");
        var (place, file) = (Place, _file);
        return _element.EnumerateObject().Select(member => (member.Name, new JsonPart(file, place, member.Name, NoIndex, member.Value)));
    }

    /// <summary>The text of a string.</summary>
    public string Text()
    {
        if (_element.ValueKind != JsonValueKind.String) throw Wanted("a string");
        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Problem("the string holds an unpaired surrogate, so it is not text");
        }
    }

    /// <summary>The code point of a string that holds one.</summary>
    public int Character()
    {
        var text = Text();
        if (text.Length == 0 || text.Length != (char.IsHighSurrogate(text[0]) ? 2 : 1)) throw Wanted("a single character");
        return char.ConvertToUtf32(text, 0);
    }

    /// <summary>A number of any size.</summary>
    public double Real()
    {
        if (_element.ValueKind == JsonValueKind.Number && _element.TryGetDouble(out var number) && double.IsFinite(number)) return number;
        throw Wanted("a number");
    }

    /// <summary>True or false.</summary>
    public bool Flag() => _element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wanted("true or false"),
    };

    /// <summary>A whole number within bounds.</summary>
    public int Number(int lowest, int highest)
    {
        if (_element.ValueKind == JsonValueKind.Number && _element.TryGetInt32(out var number) && number >= lowest && number <= highest) return number;
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
    public TokenizerException Problem(string problem) => new(_file, Place, problem);

    private string Place => _name is { } name ? $"{_parent}[\"{Shorten(name)}\"]" : _index >= 0 ? $"{_parent}[{_index}]" : _parent;

    private string Found() => _element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => Shorten(_element.GetRawText()),
    };

    private static string Shorten(string text) => text.Length <= ShownCharacters ? text : text[..ShownCharacters] + "…";
}

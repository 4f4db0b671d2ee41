using System.Globalization;
using System.Text.Json;

namespace LoraArena.Learning.Models;

/// <summary>Reads fields of a model's config.json with limits, so that no value of it can ask for absurd amounts of memory.</summary>
public sealed class ConfigReader
{
    /// <summary>Field of a merged export that says which states its head looks at, where Transformers' class would look at others.</summary>
    internal const string PoolingField = "arena_pooling";

    private const long MaxBytes = 1 << 20;
    private const long MaxParameters = 400_000_000_000;
    private readonly JsonElement _root;

    private ConfigReader(string folder, JsonElement root) => (Folder, _root) = (folder, root);

    /// <summary>The model's folder.</summary>
    public string Folder { get; }

    /// <summary>config.json's <c>model_type</c>.</summary>
    public string ModelType => Text("model_type") ?? throw Error("there is no model_type");

    /// <summary>Opens a folder's config.json.</summary>
    /// <exception cref="ModelException">It is missing, too large, or not a JSON object.</exception>
    public static ConfigReader Open(string folder)
    {
        var path = Path.Join(folder, "config.json");
        if (!Directory.Exists(folder)) throw new ModelException(folder, "there is no such folder");
        ModelFiles.RequireRegular(folder);
        if (!File.Exists(path)) AdapterFolder.Refuse(folder);
        if (!File.Exists(path)) throw new ModelException(folder, "there is no config.json, so this is not a Hugging Face model folder");
        if (new FileInfo(path).Length > MaxBytes) throw new ModelException(folder, "config.json is larger than 1 MiB");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            if (json.RootElement.ValueKind != JsonValueKind.Object) throw new ModelException(folder, "config.json is not a JSON object");
            return new ConfigReader(folder, json.RootElement.Clone());
        }
        catch (JsonException error)
        {
            throw new ModelException(folder, $"config.json is not valid JSON ({error.Message})");
        }
    }

    /// <summary>A size: a whole number of at least 1.</summary>
    /// <exception cref="ModelException">It is missing or out of bounds.</exception>
    public int Size(string name, int max, int? defaultValue = null)
    {
        if (!TryGet(name, out var value)) return defaultValue ?? throw Error($"'{name}' is missing");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var size) && size >= 1 && size <= max
            ? size
            : throw Error($"'{name}' is {value.GetRawText()}; a whole number from 1 to {max} is needed");
    }

    /// <summary>A whole number of at least 0.</summary>
    /// <exception cref="ModelException">It is out of bounds.</exception>
    public int Count(string name, int max, int defaultValue)
    {
        if (!TryGet(name, out var value)) return defaultValue;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count >= 0 && count <= max
            ? count
            : throw Error($"'{name}' is {value.GetRawText()}; a whole number from 0 to {max} is needed");
    }

    /// <summary>True if a field is there and is not null.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>True if a field is there and is null, which says more than nothing.</summary>
    public bool IsNull(string name) => _root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>True if a field is true, and nothing else.</summary>
    public bool IsTrue(string name) => TryGet(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>True if a field is text.</summary>
    public bool IsText(string name) => TryGet(name, out var value) && value.ValueKind == JsonValueKind.String;

    /// <summary>A list of texts; null where it is missing.</summary>
    /// <exception cref="ModelException">It is something else.</exception>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (!TryGet(name, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String))
        {
            throw Error($"'{name}' must be a list of texts");
        }

        return [.. value.EnumerateArray().Select(e => e.GetString()!)];
    }

    /// <summary>The labels of a head's rows, in order: <c>id2label</c>; null where it is missing, or its ids are not 0, 1, 2 …</summary>
    public IReadOnlyList<string>? Labels()
    {
        if (!TryGet("id2label", out var value) || value.ValueKind != JsonValueKind.Object) return null;
        var byId = new SortedDictionary<int, string>();
        foreach (var pair in value.EnumerateObject())
        {
            if (!int.TryParse(pair.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || pair.Value.ValueKind != JsonValueKind.String)
            {
                return null;
            }

            byId[id] = pair.Value.GetString()!;
        }

        return byId.Keys.SequenceEqual(Enumerable.Range(0, byId.Count)) ? [.. byId.Values] : null;
    }

    /// <summary>A number in a range.</summary>
    /// <exception cref="ModelException">It is missing without a default, or out of bounds.</exception>
    public double Number(string name, double min, double max, double? defaultValue = null)
    {
        if (!TryGet(name, out var value)) return defaultValue ?? throw Error($"'{name}' is missing");
        return value.ValueKind == JsonValueKind.Number && value.GetDouble() is var number && number >= min && number <= max
            ? number
            : throw Error(FormattableString.Invariant($"'{name}' is {value.GetRawText()}; a number from {min} to {max} is needed"));
    }

    /// <summary>A truth value.</summary>
    public bool Flag(string name, bool defaultValue) => !TryGet(name, out var value) ? defaultValue : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Error($"'{name}' is {value.GetRawText()}; true or false is needed"),
    };

    /// <summary>Text; null where it is missing.</summary>
    public string? Text(string name)
        => !TryGet(name, out var value)
            ? null
            : value.ValueKind == JsonValueKind.String ? value.GetString()
            : throw Error($"'{name}' is {value.GetRawText()}; text is needed");

    /// <summary>A token id; null where it is missing (or a list).</summary>
    public int? TokenId(string name)
        => TryGet(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id >= 0 ? id : null;

    /// <summary>An object inside; null where it is missing.</summary>
    public ConfigReader? Inner(string name) => TryGet(name, out var value) && value.ValueKind == JsonValueKind.Object ? new ConfigReader(Folder, value) : null;

    /// <summary>Refuses a value other than the one that is built.</summary>
    /// <exception cref="ModelException">It is another.</exception>
    public void Require(string name, string wanted)
    {
        var found = Text(name);
        if (found is not null && found != wanted) throw Error($"'{name}' is '{found}'; only '{wanted}' is supported");
    }

    /// <summary>Refuses a model whose weights could not be held by any machine, before memory is asked for.</summary>
    public void CheckParameters(double parameters)
    {
        if (parameters > MaxParameters)
        {
            throw Error(FormattableString.Invariant($"its sizes make {parameters:0} parameters, more than the {MaxParameters} that are allowed"));
        }
    }

    /// <summary>Which states the head looks at, where a merged export says so.</summary>
    /// <exception cref="ModelException">It says something else.</exception>
    public Pooling? Pooling()
        => Text(PoolingField) is not { } text ? null : Enum.TryParse<Pooling>(text, ignoreCase: true, out var pooling) && Enum.IsDefined(pooling)
        ? pooling
        : throw Error($"'{PoolingField}' is '{text}'; first, last or mean is needed");

    /// <summary>An error about config.json.</summary>
    public ModelException Error(string reason) => new(Folder, "config.json: " + reason);

    private bool TryGet(string name, out JsonElement value) => _root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
}

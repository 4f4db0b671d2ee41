using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LoraArena.Learning.Peft;

/// <summary>Reads adapter_config.json. A field that asks for something a variant does not do is refused, never ignored.</summary>
public sealed class PeftConfigReader
{
    private readonly string _path;
    private readonly JsonElement _root;

    private PeftConfigReader(string path, JsonElement root) => (_path, _root) = (path, root);

    /// <summary>PEFT's name of the method.</summary>
    public string PeftType
        => TryGet("peft_type", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Error("there is no peft_type");

    /// <summary>Opens the file.</summary>
    /// <exception cref="PeftException">It is missing or not a JSON object.</exception>
    public static PeftConfigReader Open(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? new PeftConfigReader(path, json.RootElement.Clone())
                : throw new PeftException(path, "it is not a JSON object");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new PeftException(path, $"it cannot be read ({error.Message})");
        }
    }

    /// <summary>A whole number of at least 1.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public int Size(string name, int defaultValue)
    {
        if (!TryGet(name, out var value)) return defaultValue;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var size) && size is >= 1 and <= 65_536
            ? size
            : throw Error($"'{name}' is {value.GetRawText()}; a whole number from 1 to 65536 is needed");
    }

    /// <summary>A number.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public double Number(string name, double defaultValue)
    {
        if (!TryGet(name, out var value)) return defaultValue;
        return value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble())
            ? value.GetDouble()
            : throw Error($"'{name}' is {value.GetRawText()}; a number is needed");
    }

    /// <summary>A truth value; false where it is missing.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public bool Flag(string name, bool defaultValue = false)
    {
        if (!TryGet(name, out var value)) return defaultValue;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw Error($"'{name}' is {value.GetRawText()}; true or false is needed");
    }

    /// <summary>A text; null where it is missing.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public string? Text(string name)
    {
        if (!TryGet(name, out var value)) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Error($"'{name}' is {value.GetRawText()}; text is needed");
    }

    /// <summary>An object as the text that options hold it in; null where it is missing or empty.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public string? Table(string name)
    {
        if (!TryGet(name, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Error($"'{name}' is {value.GetRawText()}; an object is needed");
        return value.EnumerateObject().Any() ? value.GetRawText() : null;
    }

    /// <summary>The fields of those names that are there, as options.</summary>
    public JsonObject Options(IEnumerable<string> names)
        => new(names.Where(name => TryGet(name, out _)).Select(name =>
            KeyValuePair.Create<string, JsonNode?>(name, JsonNode.Parse(_root.GetProperty(name).GetRawText()))));

    /// <summary>target_modules as one text that chooses the same layers.</summary>
    /// <exception cref="PeftException">It is missing or something else.</exception>
    public string TargetModules() => Modules("target_modules") ?? throw Error("there is no target_modules, so the adapted layers are not known");

    /// <summary>exclude_modules as one text that chooses the same layers; null for none.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public string? ExcludeModules() => Modules("exclude_modules") is { Length: > 0 } modules ? modules : null;

    /// <summary>modules_to_save as one text, the head left out; null for none.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public string? ModulesToSave()
    {
        if (!TryGet("modules_to_save", out var value)) return null;
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String))
        {
            throw Error("'modules_to_save' must be a list of texts");
        }

        return Variants.BaseTraining.Names(string.Join(',', value.EnumerateArray().Select(e => e.GetString()))) is { Count: > 0 } names
            ? string.Join(',', names)
            : null;
    }

    /// <summary>A field that chooses modules by an expression or by the ends of their paths, as one expression; null where it is missing.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public string? PathEnds(string name)
    {
        if (!TryGet(name, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Array) return Modules(name);
        return Modules(name) is { Length: > 0 } ? string.Join('|', value.EnumerateArray().Select(e => ".*" + Regex.Escape(e.GetString()!))) : "";
    }

    /// <summary>layers_to_transform, one number or a list of them, as one text; null for all layers.</summary>
    /// <exception cref="PeftException">It is something else.</exception>
    public string? LayersToTransform()
    {
        if (!TryGet("layers_to_transform", out var value)) return null;
        var numbers = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToList() : [value];
        return numbers.All(n => n.ValueKind == JsonValueKind.Number && n.TryGetInt32(out var number) && number >= 0)
            ? numbers.Count > 0 ? string.Join(',', numbers.Select(n => n.GetRawText())) : null
            : throw Error($"'layers_to_transform' is {value.GetRawText()}; a layer's number or a list of them is needed");
    }

    /// <summary>True if a field is that text, whatever else it may be.</summary>
    public bool Is(string name, string text) => TryGet(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() == text;

    /// <summary>Refuses a field that is there and has none of the values that are meant.</summary>
    public void Require(string name, params string[] allowed)
    {
        if (!TryGet(name, out var value)) return;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        if (!allowed.Contains(text)) throw Error($"'{name}' is {value.GetRawText()}; supported is {string.Join(" or ", allowed)}");
    }

    /// <summary>Refuses fields that are set to anything but false, null or empty.</summary>
    public void RequireUnset(params string[] names)
    {
        foreach (var name in names)
        {
            if (!TryGet(name, out var value)) continue;
            var unset = value.ValueKind switch
            {
                JsonValueKind.False => true,
                JsonValueKind.Object => !value.EnumerateObject().Any(),
                JsonValueKind.Array => value.GetArrayLength() == 0,
                _ => false,
            };
            if (!unset) throw Error($"'{name}' is {value.GetRawText()}, which this variant does not do");
        }
    }

    /// <summary>An error about this file.</summary>
    public PeftException Error(string reason) => new(_path, reason.TrimEnd('.'));

    // PEFT's lists hold names; one with another character can only be meant literally.
    private string? Modules(string name)
    {
        if (!TryGet(name, out var value)) return null;
        if (value.ValueKind == JsonValueKind.String) return value.GetString();
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String))
        {
            throw Error($"'{name}' must be text or a list of texts");
        }

        var names = value.EnumerateArray().Select(e => e.GetString()!).ToList();
        return names.All(n => Regex.IsMatch(n, @"^[\w.-]+$")) ? string.Join(',', names) : string.Join('|', names.Select(n => @"(.*\.)?" + Regex.Escape(n)));
    }

    private bool TryGet(string name, out JsonElement value) => _root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
}

using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Learning.Options;

/// <summary>
/// The schema of an options record: names in snake_case, defaults from a new record, limits from <see cref="RangeAttribute"/>, choices from
/// <see cref="AllowedValuesAttribute"/> or <see cref="OptionChoicesAttribute"/>, help from the XML comments. Forms, command line,
/// validation and help all come from it.
/// </summary>
public static class OptionSchema
{
    // What options are checked against, made once for a type: reading options is done thousands of times in a search.
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<OptionDescription>> Known = new();

    /// <summary>Describes an options record.</summary>
    public static IReadOnlyList<OptionDescription> Of(Type type)
    {
        var defaults = JsonSerializer.SerializeToNode(Activator.CreateInstance(type), type, ArenaJson.Indented)!.AsObject();
        return [.. Properties(type).Select(property => Describe(property, defaults))];
    }

    /// <summary>Reads options: what is not given has its default.</summary>
    /// <param name="type">The options record.</param>
    /// <param name="given">Values by name.</param>
    /// <param name="owner">Whose options they are, for messages: <c>variant lora</c>.</param>
    /// <exception cref="OptionException">A name is unknown, or a value is of the wrong kind or out of bounds.</exception>
    public static object Read(Type type, JsonObject given, string owner)
    {
        OptionValues.Check(Known.GetOrAdd(type, Of), given, owner);
        return given.Deserialize(type, ArenaJson.Indented)!;
    }

    /// <inheritdoc cref="Read"/>
    public static T Read<T>(JsonObject given, string owner) => (T)Read(typeof(T), given, owner);

    /// <summary>Options by name: what <see cref="Read"/> reads.</summary>
    public static JsonObject Write(object options) => JsonSerializer.SerializeToNode(options, options.GetType(), ArenaJson.Indented)!.AsObject();

    private static OptionDescription Describe(PropertyInfo property, JsonObject defaults)
    {
        var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var range = property.GetCustomAttribute<RangeAttribute>();
        var choices = property.GetCustomAttribute<AllowedValuesAttribute>()?.Values.Select(v => (string)v!).ToList()
            ?? property.GetCustomAttribute<OptionChoicesAttribute>()?.Names().ToList();
        var kind = type == typeof(bool) ? OptionKind.Boolean
            : type == typeof(int) || type == typeof(long) ? OptionKind.Integer
            : type == typeof(double) ? OptionKind.Number
            : choices is not null ? OptionKind.Choice
            : type == typeof(string) ? OptionKind.Text
            : throw new InvalidOperationException($"{property.DeclaringType!.Name}.{property.Name}: options of type {type} have no form.");
        if (kind is OptionKind.Integer or OptionKind.Number && range is null)
        {
            throw new InvalidOperationException($"{property.DeclaringType!.Name}.{property.Name} needs a [Range].");
        }

        return new OptionDescription(
            name,
            kind,
            defaults[name]?.DeepClone(),
            range is null ? null : Convert.ToDouble(range.Minimum, CultureInfo.InvariantCulture),
            range is null ? null : Convert.ToDouble(range.Maximum, CultureInfo.InvariantCulture),
            choices,
            XmlHelp.Of(property),
            IsOptional(property));
    }

    private static bool IsOptional(PropertyInfo property)
        => Nullable.GetUnderlyingType(property.PropertyType) is not null
            || new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;

    // Base records first, each in the order of its source.
    private static IEnumerable<PropertyInfo> Properties(Type type)
    {
        if (type == typeof(object)) return [];
        var own = type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Where(p => p.CanWrite);
        return Properties(type.BaseType!).Concat(own.OrderBy(p => p.MetadataToken));
    }
}

/// <summary>The choices of a text option that a list in the code gives, such as a catalog's names.</summary>
/// <param name="source">A type with a static property <c>Names</c>.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionChoicesAttribute(Type source) : Attribute
{
    /// <summary>Where the names come from.</summary>
    public Type Source { get; } = source;

    internal IReadOnlyList<string> Names() => (IReadOnlyList<string>)Source.GetProperty("Names", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
}

/// <summary>Reads summaries from the XML documentation that the compiler writes beside an assembly.</summary>
internal static class XmlHelp
{
    private static readonly Dictionary<string, Dictionary<string, string>> Loaded = new(StringComparer.Ordinal);

    /// <summary>The summary of a property as one line of text.</summary>
    public static string Of(PropertyInfo property)
    {
        var assembly = property.DeclaringType!.Assembly;
        lock (Loaded)
        {
            if (!Loaded.TryGetValue(assembly.Location, out var summaries))
            {
                Loaded.Add(assembly.Location, summaries = Load(Path.ChangeExtension(assembly.Location, ".xml")));
            }

            return summaries.GetValueOrDefault($"P:{property.DeclaringType.FullName!.Replace('+', '.')}.{property.Name}", "");
        }
    }

    private static Dictionary<string, string> Load(string path)
    {
        if (!File.Exists(path)) return [];
        return XDocument.Load(path)
            .Descendants("member")
            .ToDictionary(m => (string)m.Attribute("name")!, m => Flatten(m.Element("summary")), StringComparer.Ordinal);
    }

    private static string Flatten(XElement? summary)
    {
        if (summary is null) return "";
        var parts = summary.Nodes().Select(node => node switch
        {
            XText text => text.Value,
            XElement { Name.LocalName: "see" } see => ((string?)see.Attribute("cref") ?? (string?)see.Attribute("langword") ?? "").Split('.', ':')[^1],
            XElement element => element.Value,
            _ => "",
        });
        return string.Join(' ', string.Concat(parts).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}

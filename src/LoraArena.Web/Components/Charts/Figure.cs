using System.Text.Json;
using System.Text.Json.Nodes;

namespace LoraArena.Web.Components.Charts;

/// <summary>A figure in plotly.js's own words: traces and a layout. Colours are given as <c>var(--name)</c>, faded as <c>var(--name)/0.3</c>.</summary>
/// <param name="Traces">The traces.</param>
/// <param name="Layout">What differs from the app's usual layout.</param>
public sealed record Figure(IReadOnlyList<JsonObject> Traces, JsonObject Layout)
{
    /// <summary>Colour of text.</summary>
    public const string Ink = "var(--mud-palette-text-primary)";

    /// <summary>Colour of what stands back.</summary>
    public const string Quiet = "var(--mud-palette-text-disabled)";

    /// <summary>Colour of lines.</summary>
    public const string Line = "var(--mud-palette-lines-inputs)";

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    /// <summary>The figure as JSON.</summary>
    public string Json()
        => new JsonObject { ["data"] = new JsonArray([.. Traces.Select(t => t.DeepClone())]), ["layout"] = Layout.DeepClone() }.ToJsonString(Options);

    /// <summary>An object of an anonymous type as JSON.</summary>
    public static JsonObject Object(object value) => JsonSerializer.SerializeToNode(value, Options)!.AsObject();

    /// <summary>User text for plotly.js, which reads some tags: none are left.</summary>
    public static string Text(string text, int max = 48)
    {
        text = text.Replace("<", "‹", StringComparison.Ordinal).Replace("&", "＆", StringComparison.Ordinal);
        return text.Length > max ? text[..max] + "…" : text;
    }
}

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Tests;

/// <summary>The texts of Fixtures/texts.json.</summary>
internal static class HardTexts
{
    /// <summary>Every text; the long ones last.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Read("texts.json")["texts"]!.AsArray().Select(ToText)];

    /// <summary>Texts that are written out in the fixture.</summary>
    public static IEnumerable<string> Short => All.Where(text => text.Length < 1000);

    /// <summary>Reads a fixture.</summary>
    public static JsonNode Read(params string[] parts) => JsonNode.Parse(File.ReadAllBytes(TestFiles.Fixture(parts)))!;

    /// <summary>Whole numbers of an array.</summary>
    public static int[] Numbers(JsonNode? array) => [.. array!.AsArray().Select(number => number!.GetValue<int>())];

    private static string ToText(JsonNode? entry) => entry switch
    {
        JsonObject repeated when repeated["repeat"] is { } part => new StringBuilder().Insert(0, part.GetValue<string>(), repeated["times"]!.GetValue<int>()).ToString(),
        JsonObject units => new string([.. Numbers(units["units"]).Select(unit => (char)unit)]),
        _ => entry!.GetValue<string>(),
    };
}

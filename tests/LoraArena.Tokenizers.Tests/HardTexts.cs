using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Statistics;

namespace LoraArena.Tokenizers.Tests;

/// <summary>The texts of Fixtures/texts.json.</summary>
internal static class HardTexts
{
    /// <summary>Every text; the long ones last.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Read("texts.json")["texts"]!.AsArray().Select(ToText)];

    /// <summary>Texts that are written out in the fixture.</summary>
    public static IEnumerable<string> Short => All.Where(text => text.Length < 1000);

    /// <summary>
    /// Random strings of pieces of the short texts: each begins and ends at any place of one, so that words, marks and tokens meet that
    /// never met before.
    /// </summary>
    public static IEnumerable<string> Mixtures(int seed, int count)
    {
        string[] pieces = [.. Short.Where(text => text.Length > 0)];
        var random = new SeededRandom(seed);
        for (var i = 0; i < count; i++)
        {
            var text = new StringBuilder();
            for (var parts = 1 + random.Next(12); parts > 0; parts--)
            {
                var piece = pieces[random.Next(pieces.Length)];
                var start = random.Next(piece.Length);
                text.Append(piece.AsSpan(start, Math.Min(piece.Length - start, 1 + random.Next(30))));
                if (random.Next(3) == 0) text.Append(' ');
            }

            yield return text.ToString();
        }
    }

    /// <summary>Reads a fixture.</summary>
    public static JsonNode Read(params string[] parts) => JsonNode.Parse(File.ReadAllBytes(TestFiles.Fixture(parts)))!;

    /// <summary>Whole numbers of an array.</summary>
    public static int[] Numbers(JsonNode? array) => [.. array!.AsArray().Select(number => number!.GetValue<int>())];

    private static string ToText(JsonNode? entry) => entry switch
    {
        JsonObject repeated when repeated["repeat"] is { } part => new StringBuilder()
            .Insert(0, part.GetValue<string>(), repeated["times"]!.GetValue<int>())
            .ToString(),
        JsonObject units => new string([.. Numbers(units["units"]).Select(unit => (char)unit)]),
        _ => entry!.GetValue<string>(),
    };
}

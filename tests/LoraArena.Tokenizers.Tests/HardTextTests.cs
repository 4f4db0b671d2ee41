using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LoraArena.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Small tokenizers of every supported make on hard texts, against what Hugging Face tokenizers 0.23.3 does (make_tokenizer_fixtures.py).</summary>
public sealed class HardTextTests
{
    public static TheoryData<string> Names
        => [.. Directory.GetDirectories(TestFiles.Fixture("tokenizers")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Encode_GivesHuggingFacesIdsAndOffsets(string name)
    {
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", name));
        var expected = HardTexts.Read("tokenizers", name, "expected.json");
        var cases = expected["cases"]!.AsArray();
        var (before, after) = (HardTexts.Numbers(expected["before"]), HardTexts.Numbers(expected["after"]));
        Assert.Equal(HardTexts.All.Count, cases.Count);
        for (var i = 0; i < cases.Count; i++)
        {
            var text = HardTexts.All[i];
            var tokens = tokenizer.EncodeToTokens(text, out var normalized);
            int[] ids = [.. tokens.Select(token => token.Id)];
            int[] offsets = [.. tokens.SelectMany(token => new[] { token.Offset.Start.Value, token.Offset.End.Value })];
            Check(text, cases[i]!, ids, offsets);

            Assert.Null(normalized);
            Assert.Equal(ids, tokenizer.EncodeToIds(text));
            Assert.Equal([.. before, .. ids, .. after], tokenizer.EncodeWithSpecials(text));
            if (cases[i]!["decoded"] is { } decoded) Assert.Equal(decoded.GetValue<string>(), tokenizer.Decode(ids));
        }
    }

    private static void Check(string text, JsonNode expected, int[] ids, int[] offsets)
    {
        if (expected["count"] is { } count)
        {
            var start = text[..10];
            Assert.Equal((start, count.GetValue<int>()), (start, ids.Length));
            Assert.Equal((start, expected["ids"]!.GetValue<string>()), (start, Digest(ids)));
            Assert.Equal((start, expected["offsets"]!.GetValue<string>()), (start, Digest(offsets)));
            return;
        }

        Assert.Equal($"{text}: {Join(HardTexts.Numbers(expected["ids"]))}", $"{text}: {Join(ids)}");
        Assert.Equal($"{text}: {Join(HardTexts.Numbers(expected["offsets"]))}", $"{text}: {Join(offsets)}");
    }

    /// <summary>SHA-256 of numbers with commas between them, as the generator writes it.</summary>
    internal static string Digest(IEnumerable<int> numbers) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(Join(numbers))));

    private static string Join(IEnumerable<int> numbers) => string.Join(',', numbers.Select(number => number.ToString(CultureInfo.InvariantCulture)));
}

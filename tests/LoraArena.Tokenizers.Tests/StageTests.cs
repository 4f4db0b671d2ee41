using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Single normalizers and pre-tokenizers on every code point there is, and the behaviours of Split, against Hugging Face tokenizers 0.23.3.</summary>
public sealed class StageTests
{
    private static readonly JsonNode Splitters = HardTexts.Read("splitters.json");
    private static readonly string EveryLine = EveryCodePoint('\n');
    private static readonly string EveryCodePointAfterAnA = EveryCodePoint('a');

    public static TheoryData<string> NormalizerNames => [.. HardTexts.Read("normalizers.json")["hashes"]!.AsObject().Select(entry => entry.Key)];

    public static TheoryData<string> SplitterNames => [.. Splitters["every_code_point"]!.AsObject().Select(entry => entry.Key)];

    [Theory]
    [MemberData(nameof(NormalizerNames))]
    public void Normalizer_AgreesOnEveryCodePoint(string name)
    {
        var stage = name switch
        {
            "BertUncased" => Bert(lowercase: true),
            "BertCased" => Bert(lowercase: false),
            _ => new JsonObject { ["type"] = name },
        };
        var normalized = TinyTokenizer.Load(file => file["normalizer"] = stage).Normalizer!.Normalize(EveryLine);

        Assert.Equal(
            HardTexts.Read("normalizers.json")["hashes"]![name]!.GetValue<string>(),
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(normalized))));
    }

    [Theory]
    [MemberData(nameof(SplitterNames))]
    public void PreTokenizer_AgreesOnEveryCodePoint(string name)
    {
        var stage = name switch
        {
            "BertPreTokenizer" or "Whitespace" or "WhitespaceSplit" or "Punctuation" => new JsonObject { ["type"] = name },
            "Digits" => new JsonObject { ["type"] = name, ["individual_digits"] = true },
            _ => Split(new JsonObject { ["Regex"] = name }, "Isolated", invert: false),
        };

        Assert.Equal(Splitters["every_code_point"]![name]!.GetValue<string>(), HardTextTests.Digest(Pieces(stage, EveryCodePointAfterAnA)));
    }

    [Fact]
    public void Split_TreatsMatchesAsItsBehaviorSays()
    {
        foreach (var entry in Splitters["behaviours"]!.AsArray())
        {
            var stage = Split(entry!["pattern"]!.DeepClone(), entry["behavior"]!.GetValue<string>(), entry["invert"]!.GetValue<bool>());
            foreach (var one in entry["cases"]!.AsArray())
            {
                var text = one!["text"]!.GetValue<string>();
                var what = $"{stage.ToJsonString()} on '{text}': ";
                Assert.Equal(what + string.Join(',', HardTexts.Numbers(one["pieces"])), what + string.Join(',', Pieces(stage.DeepClone(), text)));
            }
        }
    }

    private static IEnumerable<int> Pieces(JsonNode stage, string text)
        => TinyTokenizer.Load(file => file["pre_tokenizer"] = stage)
            .PreTokenizer!.PreTokenize(text)
            .SelectMany(piece => new[] { piece.Offset, piece.Offset + piece.Length });

    private static JsonObject Split(JsonNode pattern, string behavior, bool invert)
        => new() { ["type"] = "Split", ["pattern"] = pattern, ["behavior"] = behavior, ["invert"] = invert };

    private static JsonObject Bert(bool lowercase)
        => new() { ["type"] = "BertNormalizer", ["clean_text"] = true, ["handle_chinese_chars"] = true, ["strip_accents"] = null, ["lowercase"] = lowercase };

    private static string EveryCodePoint(char separator)
    {
        var text = new StringBuilder();
        for (var codePoint = 0; codePoint <= 0x10FFFF; codePoint++)
        {
            if (codePoint is >= 0xD800 and <= 0xDFFF) continue;
            if (codePoint > 0) text.Append(separator);
            text.Append(char.ConvertFromUtf32(codePoint));
        }

        return text.ToString();
    }
}

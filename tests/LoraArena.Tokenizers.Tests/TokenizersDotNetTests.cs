using System.Text.Json.Nodes;
using LoraArena.Tokenizers;
using Oracle = Tokenizers.DotNet.Tokenizer;

namespace LoraArena.Tokenizers.Tests;

/// <summary>
/// Live comparison with Hugging Face's own library (tokenizers 0.22.2 through Tokenizers.DotNet, which always puts special tokens round a
/// text).
/// </summary>
public sealed class TokenizersDotNetTests
{
    public static TheoryData<string> Names => HardTextTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void HardTexts_HaveTheIdsOfTheLibrary(string name)
    {
        var path = TestFiles.Fixture("tokenizers", name, "tokenizer.json");
        var tokenizer = HuggingFaceTokenizer.Load(Path.GetDirectoryName(path)!);
        using var oracle = Load(path);
        foreach (var text in HardTexts.Short.Where(text => text.Length > 0).Select(Repair)) Check(text, oracle, tokenizer);
    }

    [Fact]
    public void MiniLm_EncodesEveryBattleAsTheLibraryDoes() => CheckBattles(TestFiles.Shared("models", "minilm-l6"));

    [Fact]
    public void AByteLevelTokenizer_EncodesEveryBattleAsTheLibraryDoes() => CheckBattles(TestFiles.Fixture("tokenizers", "bytes-llama3"));

    private static void CheckBattles(string model)
    {
        var battles = TestFiles.Shared("data", "preferences", "train.csv");
        var tokenizer = HuggingFaceTokenizer.Load(model);
        using var folder = new TemporaryFolder();
        var file = JsonNode.Parse(File.ReadAllBytes(Path.Join(model, "tokenizer.json")))!.AsObject();
        file["truncation"] = null;
        file["padding"] = null;
        folder.With("tokenizer.json", file.ToJsonString());
        using var oracle = Load(Path.Join(folder.Path, "tokenizer.json"));
        var texts = 0;
        foreach (var text in Battles.Texts(battles))
        {
            texts++;
            Check(text, oracle, tokenizer);
        }

        Assert.True(texts > 10_000);
    }

    private static void Check(string text, Oracle oracle, HuggingFaceTokenizer tokenizer)
    {
        int[] expected = [.. oracle.Encode(text).Select(id => (int)id)];
        if (!expected.SequenceEqual(tokenizer.EncodeWithSpecials(text)))
        {
            Assert.Fail($"{text}: {string.Join(' ', expected)} expected, {string.Join(' ', tokenizer.EncodeWithSpecials(text))} found");
        }
    }

    private static Oracle Load(string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.Is64BitProcess, "the library's native half is referenced for 64-bit Linux only");
        return new Oracle(path);
    }

    private static string Repair(string text) => string.Concat(text.EnumerateRunes());
}

using System.Text;
using System.Text.Json.Nodes;
using LoraArena.Tokenizers;
using Oracle = Tokenizers.DotNet.Tokenizer;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Live comparison with Hugging Face's own library (tokenizers 0.22.2 through Tokenizers.DotNet, which always puts special tokens round a text).</summary>
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
        foreach (var text in Texts(battles))
        {
            texts++;
            Check(text, oracle, tokenizer);
        }

        Assert.True(texts > 10_000);
    }

    private static void Check(string text, Oracle oracle, HuggingFaceTokenizer tokenizer)
    {
        int[] expected = [.. oracle.Encode(text).Select(id => (int)id)];
        if (!expected.SequenceEqual(tokenizer.EncodeWithSpecials(text))) Assert.Fail($"{text}: {string.Join(' ', expected)} expected, {string.Join(' ', tokenizer.EncodeWithSpecials(text))} found");
    }

    private static Oracle Load(string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.Is64BitProcess, "the library's native half is referenced for 64-bit Linux only");
        return new Oracle(path);
    }

    // id, model_a, model_b, prompt, response_a, response_b, …; the cells from prompt to response_b are JSON arrays of turns.
    private static IEnumerable<string> Texts(string path)
    {
        foreach (var row in Rows(File.ReadAllText(path)).Skip(1))
        {
            foreach (var turn in row[3..6].SelectMany(cell => JsonNode.Parse(cell)!.AsArray()))
            {
                if (turn is not null && TryText(turn, out var text) && text.Length > 0) yield return text;
            }
        }
    }

    private static IEnumerable<List<string>> Rows(string csv)
    {
        var row = new List<string>();
        var cell = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < csv.Length; i++)
        {
            var c = csv[i];
            if (c == '"')
            {
                // A doubled quote inside quotes is one.
                if (quoted && i + 1 < csv.Length && csv[i + 1] == '"') cell.Append(csv[i++]);
                else quoted = !quoted;
            }
            else if (!quoted && (c is ',' or '\n'))
            {
                row.Add(cell.ToString());
                cell.Clear();
                if (c == ',') continue;
                yield return row;
                row = [];
            }
            else
            {
                cell.Append(c);
            }
        }
    }

    // Turns with unpaired surrogates are no text for the library.
    private static bool TryText(JsonNode turn, out string text)
    {
        try
        {
            text = turn.GetValue<string>();
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
        }
    }

    private static string Repair(string text) => string.Concat(text.EnumerateRunes());
}

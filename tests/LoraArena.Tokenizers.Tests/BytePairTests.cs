using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using LoraArena.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>The merges: against the definition of byte-pair encoding written out, and against Microsoft.ML.Tokenizers' own.</summary>
public sealed class BytePairTests
{
    [Fact]
    public void Merges_AreThoseOfTheDefinition()
    {
        // Any merges over an alphabet of four, each side a letter or an earlier result.
        var rules = Gen.Select(Gen.Int[0, 999], Gen.Int[0, 999]).Array[1, 12];
        var words = Gen.Char["abcd"].Array[1, 40].Select(letters => new string(letters));
        Gen.Select(rules, words.Array[1, 6]).Sample((picks, texts) =>
        {
            var vocabulary = new List<string> { "a", "b", "c", "d" };
            var merges = new List<(string Left, string Right)>();
            foreach (var (left, right) in picks)
            {
                var pair = (vocabulary[left % vocabulary.Count], vocabulary[right % vocabulary.Count]);
                if (merges.Contains(pair)) continue;
                merges.Add(pair);
                if (!vocabulary.Contains(pair.Item1 + pair.Item2)) vocabulary.Add(pair.Item1 + pair.Item2);
            }

            var tokenizer = Load(vocabulary, merges);
            foreach (var text in texts) Assert.Equal(ByDefinition(text, merges), tokenizer.EncodeToIds(text).Select(id => vocabulary[id]));
        }, iter: 300);
    }

    [Theory]
    [InlineData("bytes-gpt2")]
    [InlineData("bytes-starcoder")]
    public void ByteLevelWords_HaveTheTokensThatThePackageFinds(string name)
    {
        var ours = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", name));
        var theirs = ThePackagesModel(name);
        foreach (var text in HardTexts.Short.Select(text =>
            text.Replace('\uD83D', '-').Replace('\uDE00', '-')).Where(text => !text.Any(char.IsSurrogate) && text.Length > 0))
        {
            foreach (var (start, length) in ours.PreTokenizer!.PreTokenize(text))
            {
                var word = text.Substring(start, length);
                Assert.Equal(theirs.EncodeToIds(word), ours.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false));
            }
        }
    }

    [Theory]
    [InlineData("A")]
    [InlineData("^")]
    [InlineData(" ")]
    [InlineData("ab")]
    [InlineData("\u65e5")]
    [InlineData("a\u0301\u0323")]
    public void AWordWithoutEnd_TakesLinearTime(string part)
    {
        foreach (var name in new[] { "bytes-qwen2", "characters-fused", "wordpiece-uncased" })
        {
            var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", name));
            var text = new StringBuilder().Insert(0, part, 300_000 / part.Length).ToString();
            var began = Stopwatch.GetTimestamp();
            _ = tokenizer.EncodeToIds(text);

            // A few tenths of a second, unoptimised; the package's own merging takes minutes.
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(60), name);
        }
    }

    [Fact]
    public void AMergeGivenTwice_HasItsLastRank()
    {
        var merges = new JsonArray("a b", "ab c", "a b");
        var tokenizer = TinyTokenizer.Load(file =>
        {
            file["model"]!["merges"] = merges;
            file["model"]!["vocab"]!["bc"] = 7;
            merges.Insert(1, "b c");
        });

        // "b c" has rank 1 and "a b", given again at the end, rank 3: so b joins c first.
        Assert.Equal([1, 7], tokenizer.EncodeToIds("abc"));
    }

    [Theory]
    [InlineData(false, new[] { 5, 0, 0, 1 })]
    [InlineData(true, new[] { 5, 0, 1 })]
    public void UnknownCharacters_AreFusedWhenTheFileSaysSo(bool fuse, int[] expected)
        => Assert.Equal(expected, TinyTokenizer.Load(file => file["model"]!["fuse_unk"] = fuse).EncodeToIds("ab\U0001F44Dya"));

    [Fact]
    public void WithoutAnUnknownToken_UnknownCharactersVanishAndTheRestKeepsItsPlace()
    {
        var tokens = TinyTokenizer.Load(file => file["model"]!["unk_token"] = null).EncodeToTokens("yab\u00e9c", out _);

        Assert.Equal([new EncodedToken(6, "abc", 1..5)], tokens);
    }

    private static HuggingFaceTokenizer Load(List<string> vocabulary, List<(string Left, string Right)> merges) => TinyTokenizer.Load(file =>
    {
        var model = file["model"]!;
        model["unk_token"] = null;
        model["vocab"] = new JsonObject(vocabulary.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id)));
        model["merges"] = new JsonArray([.. merges.Select(merge => new JsonArray(merge.Left, merge.Right))]);
    });

    // Over and over, the pair of the lowest rank is merged where it stands leftmost.
    private static List<string> ByDefinition(string word, List<(string Left, string Right)> merges)
    {
        var symbols = word.Select(c => c.ToString()).ToList();
        while (true)
        {
            var ranks = Enumerable.Range(0, symbols.Count - 1).Select(i => (Rank: merges.IndexOf((symbols[i], symbols[i + 1])), Place: i));
            var (rank, place) = ranks.Where(pair => pair.Rank >= 0).DefaultIfEmpty((-1, -1)).Min();
            if (rank < 0) return symbols;
            symbols[place] += symbols[place + 1];
            symbols.RemoveAt(place + 1);
        }
    }

    private static BpeTokenizer ThePackagesModel(string name)
    {
        var model = HardTexts.Read("tokenizers", name, "tokenizer.json")["model"]!;
        return BpeTokenizer.Create(new BpeOptions(model["vocab"]!.AsObject().Select(entry => KeyValuePair.Create(entry.Key, entry.Value!.GetValue<int>())))
        {
            Merges = model["merges"]!.AsArray().Select(pair => string.Join(' ', pair!.AsArray().Select(side => side!.GetValue<string>()))),
            ByteLevel = true,
            PreTokenizer = new WholeText(),
        });
    }

    private sealed class WholeText : PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
    }
}

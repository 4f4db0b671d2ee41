using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Single models on words small enough to work out by hand.</summary>
public sealed class ModelTests
{
    // The example of Hugging Face's own Unigram: scores that make abcd one token and acd two.
    private static readonly (string Token, double Score)[] Pieces =
        [("<unk>", 0), ("a", 0), ("b", 0), ("c", 0), ("d", 0), ("cd", 1), ("ab", 2), ("abc", 5), ("abcd", 10)];

    [Fact]
    public void Unigram_TakesTheWayWithTheHighestSum()
    {
        var tokenizer = Unigram(Pieces);

        Assert.Equal(["abcd", "a", "cd", "<unk>"], Values(tokenizer, "abcdacdxx"));
        Assert.Equal([(0, 4), (4, 5), (5, 7), (7, 9)], Places(tokenizer, "abcdacdxx"));
    }

    [Fact]
    public void Unigram_SpellsUnknownCharactersInBytesWhereItHasThemAll()
    {
        var tokenizer = Unigram([.. Pieces, .. Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", -1.0))], byteFallback: true);

        Assert.Equal(["a", "<0xC3>", "<0xA9>", "b"], Values(tokenizer, "a\u00e9b"));
        Assert.Equal([(0, 1), (1, 2), (1, 2), (2, 3)], Places(tokenizer, "a\u00e9b"));
        Assert.Equal(["<unk>"], Values(Unigram([.. Pieces, ("<0xC3>", -1)], byteFallback: true), "\u00e9"));
    }

    [Theory]
    [InlineData(null, new[] { "?" })]
    [InlineData("<0xC3> <0xA9>", new[] { "<0xC3>", "<0xA9>" })]
    [InlineData("<0xC3>", new[] { "?" })]
    public void ByteFallback_IsForCharactersWhoseBytesAreAllThere(string? bytes, string[] expected)
    {
        var tokenizer = TinyTokenizer.Load(file =>
        {
            var vocabulary = file["model"]!["vocab"]!.AsObject();
            foreach (var name in bytes?.Split(' ') ?? []) vocabulary[name] = vocabulary.Count;
            file["model"]!["byte_fallback"] = true;
        });

        Assert.Equal(expected, Values(tokenizer, "\u00e9"));
    }

    [Fact]
    public void ATextWithoutPreTokenizer_HasTheTokensOfTheWholeTextAlthoughItIsCutIntoWords()
    {
        // "b▁" is no merge, so a cut before ▁ changes nothing; with one it would, and the text stays whole.
        foreach (var crossing in new[] { false, true })
        {
            var tokenizer = TinyTokenizer.Load(file =>
            {
                file["pre_tokenizer"] = null;
                var model = file["model"]!;
                foreach (var token in new[] { "\u2581", "\u2581a", "b\u2581" }) model["vocab"]![token] = model["vocab"]!.AsObject().Count;
                if (crossing) model["merges"]!.AsArray().Insert(0, "b \u2581");
                model["merges"]!.AsArray().Add("\u2581 a");
            });

            Assert.Equal(crossing ? ["a", "b\u2581", "a", "c"] : ["ab", "\u2581a", "c"], Values(tokenizer, "ab\u2581ac"));
        }
    }

    [Fact]
    public void WordLevel_KnowsWholeWordsOnly()
        => Assert.Equal(["ab", "?"], Values(TinyTokenizer.Load(file => file["model"]!["type"] = "WordLevel"), "ab abx"));

    [Fact]
    public void AFolderWithVocabTxtAlone_IsBertsTokenizer()
    {
        using var folder = new TemporaryFolder();
        folder.With("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ndog\n##s\ncaf\u00e9\nThe\n");
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);

        Assert.Equal([2, 5, 6, 7, 3], tokenizer.EncodeWithSpecials("The dogs"));
        Assert.Equal([4, 5], tokenizer.EncodeToIds("[MASK] the"));
        folder.With("tokenizer_config.json", "{\"do_lower_case\": false, \"strip_accents\": false}");
        Assert.Equal([9, 8], HuggingFaceTokenizer.Load(folder.Path).EncodeToIds("The caf\u00e9"));
        Assert.Equal((2, 3, 0, 1, 4), Roles(HuggingFaceTokenizer.Load(folder.With("config.json", "{\"model_type\": \"bert\"}"))));
    }

    [Fact]
    public void AVocabTxtThatLacksATokenOrHasOneTwice_IsRefusedWithItsLine()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains("line 3: the token \"[PAD]\" is there twice, first in line 1", Refusal("[PAD]\n[UNK]\n[PAD]\n"), StringComparison.Ordinal);
        Assert.Contains("\"[CLS]\" is in no line", Refusal("[PAD]\n[UNK]\n"), StringComparison.Ordinal);

        string Refusal(string content) => Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.With("vocab.txt", content))).Message;
    }

    private static HuggingFaceTokenizer Unigram((string Token, double Score)[] pieces, bool byteFallback = false) => TinyTokenizer.Load(file =>
    {
        file["pre_tokenizer"] = null;
        file["model"] = new JsonObject
        {
            ["type"] = "Unigram",
            ["unk_id"] = 0,
            ["byte_fallback"] = byteFallback,
            ["vocab"] = new JsonArray([.. pieces.Select(piece => new JsonArray(piece.Token, piece.Score))]),
        };
    });

    private static string[] Values(HuggingFaceTokenizer tokenizer, string text) => [.. tokenizer.EncodeToTokens(text, out _).Select(token => token.Value)];

    private static (int, int)[] Places(HuggingFaceTokenizer tokenizer, string text)
        => [.. tokenizer.EncodeToTokens(text, out _).Select(token => (token.Offset.Start.Value, token.Offset.End.Value))];

    private static (int?, int?, int?, int?, int?) Roles(HuggingFaceTokenizer tokenizer)
        => (tokenizer.SpecialTokens.Cls, tokenizer.SpecialTokens.Sep, tokenizer.SpecialTokens.Pad, tokenizer.SpecialTokens.Unk, tokenizer.SpecialTokens.Mask);
}

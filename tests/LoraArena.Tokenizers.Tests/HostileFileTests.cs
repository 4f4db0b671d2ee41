using System.Text;
using System.Text.Json.Nodes;
using LoraArena.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Files from strangers: each either loads or is refused with the file, the place in it, what was found and what was wanted.</summary>
public sealed class HostileFileTests
{
    private const int MebiByte = 1 << 20;

    /// <summary>What is done to the tiny tokenizer's file, the place that the refusal names, and a word of what it says.</summary>
    public static TheoryData<string, Action<JsonObject>, string, string> Changes => new()
    {
        { "no model", f => f.Remove("model"), "$", "\"model\" is missing" },
        { "another version", f => f["version"] = "2.0", "$.version", "wanted \"1.0\"" },
        { "no vocabulary", f => Model(f).Remove("vocab"), "$.model", "\"vocab\" is missing" },
        { "an empty vocabulary", f => Model(f)["vocab"] = new JsonObject(), "$.model.vocab", "empty" },
        { "a list for a vocabulary", f => Model(f)["vocab"] = new JsonArray(), "$.model.vocab", "found an array, wanted an object" },
        { "an id twice", f => Model(f)["vocab"]!["y"] = 3, "$.model.vocab[\"y\"]", "id 3 is also the id of \"c\"" },
        { "a negative id", f => Model(f)["vocab"]!["y"] = -1, "$.model.vocab[\"y\"]", "found -1" },
        { "an id of 2^31", f => Model(f)["vocab"]!["y"] = 2147483648, "$.model.vocab[\"y\"]", "found 2147483648" },
        { "an id beyond the limit", f => Model(f)["vocab"]!["y"] = 1 << 22, "$.model.vocab[\"y\"]", "wanted a whole number from 0 to 4194303" },
        { "an id with a fraction", f => Model(f)["vocab"]!["y"] = 7.5, "$.model.vocab[\"y\"]", "found 7.5" },
        { "a text for an id", f => Model(f)["vocab"]!["y"] = "7", "$.model.vocab[\"y\"]", "found \"7\"" },
        { "no merges", f => Model(f).Remove("merges"), "$.model", "\"merges\" is missing" },
        { "a merge of three", f => Merges(f).Add("a b c"), "$.model.merges[2]", "wanted two tokens" },
        { "a merge of one", f => Merges(f).Add(new JsonArray("a")), "$.model.merges[2]", "wanted two tokens" },
        { "a merge of numbers", f => Merges(f).Add(new JsonArray(1, 2)), "$.model.merges[2][0]", "wanted a string" },
        { "a merge of an absent token", f => Merges(f).Add("a zzz"), "$.model.merges[2]", "\"zzz\", which is not in the vocabulary" },
        { "a merge longer than any token", f => Merges(f).Add("abc abc"), "$.model.merges[2]", "\"abcabc\", which is not in the vocabulary" },
        { "a merge without its prefix", f => Model(f)["continuing_subword_prefix"] = "##", "$.model.merges[0]", "does not begin with the continuing_subword_prefix" },
        { "an absent unknown token", f => Model(f)["unk_token"] = "[UNK]", "$.model.unk_token", "not in the vocabulary" },
        { "an unknown model", f => Model(f)["type"] = "Markov", "$.model", "\"Markov\" is not supported; supported are BPE, Unigram, WordLevel, WordPiece" },
        { "Unigram without an unknown token", f => { Unigram(f); Model(f).Remove("unk_id"); }, "$.model", "\"unk_id\" is missing" },
        { "Unigram with an unknown token out of range", f => { Unigram(f); Model(f)["unk_id"] = 2; }, "$.model.unk_id", "found 2" },
        { "Unigram with a token without a score", f => { Unigram(f); Model(f)["vocab"]!.AsArray().Add(new JsonArray("b")); }, "$.model.vocab[2]", "a token and its score" },
        { "Unigram with a score that is none", f => { Unigram(f); Model(f)["vocab"]!.AsArray().Add(new JsonArray("b", "-1")); }, "$.model.vocab[2][1]", "wanted a number" },
        { "Unigram with a token twice", f => { Unigram(f); Model(f)["vocab"]!.AsArray().Add(new JsonArray("a", -1)); }, "$.model.vocab[2]", "there twice" },
        { "Unigram with a huge token", f => { Unigram(f); Model(f)["vocab"]!.AsArray().Add(new JsonArray(new string('y', 1001), -1)); }, "$.model.vocab[2][0]", "1001 characters" },
        { "Unigram on bytes", f => { Unigram(f); f["pre_tokenizer"] = ByteLevel(); }, "$.model", "with a BPE model only" },
        { "WordLevel without its unknown token", f => { Model(f)["type"] = "WordLevel"; Model(f)["unk_token"] = "!"; }, "$.model.unk_token", "not in the vocabulary" },
        { "a table that is not base64", f => f["normalizer"] = Typed("Precompiled", ("precompiled_charsmap", "*")), "$.normalizer.precompiled_charsmap", "not base64" },
        { "a table that says it is longer than it is", f => f["normalizer"] = Typed("Precompiled", ("precompiled_charsmap", "/////wAAAAA=")), "$.normalizer.precompiled_charsmap", "4294967295 bytes" },
        { "Metaspace with a scheme that is none", f => f["pre_tokenizer"] = Typed("Metaspace", ("replacement", "_"), ("prepend_scheme", "last")), "$.pre_tokenizer.prepend_scheme", "first, never or always" },
        { "Metaspace that says both", f => f["pre_tokenizer"] = Typed("Metaspace", ("replacement", "_"), ("prepend_scheme", "always"), ("add_prefix_space", false)), "$.pre_tokenizer.prepend_scheme", "add_prefix_space is false" },
        { "Metaspace with two signs", f => f["pre_tokenizer"] = Typed("Metaspace", ("replacement", "__")), "$.pre_tokenizer.replacement", "a single character" },
        { "Strip of nothing", f => f["decoder"] = Typed("Strip", ("content", ""), ("start", 1), ("stop", 0)), "$.decoder.content", "a single character" },
        { "a sequence of decoders with an unknown one", f => f["decoder"] = Typed("Sequence", ("decoders", new JsonArray(Typed("Fuse"), Typed("CTC")))), "$.decoder.decoders[1]", "\"CTC\" is not supported" },
        { "dropout", f => Model(f)["dropout"] = 0.1, "$.model.dropout", "set it to null" },
        { "WordPiece without a field", f => Model(f)["type"] = "WordPiece", "$.model", "\"continuing_subword_prefix\" is missing" },
        { "WordPiece with a huge token", f => { WordPiece(f); Model(f)["vocab"]![new string('y', 1001)] = 7; }, "$.model.vocab", "1001 characters" },
        { "WordPiece without an unknown token", f => { WordPiece(f); Model(f)["unk_token"] = "!"; }, "$.model.unk_token", "not in the vocabulary" },
        { "WordPiece that takes no word", f => { WordPiece(f); Model(f)["max_input_chars_per_word"] = 0; }, "$.model.max_input_chars_per_word", "found 0" },
        { "WordPiece on bytes", f => { WordPiece(f); f["pre_tokenizer"] = ByteLevel(); }, "$.model", "with a BPE model only" },
        { "an unknown normalizer", f => f["normalizer"] = Typed("Shout"), "$.normalizer", "\"Shout\" is not supported" },
        { "an unknown normalizer in a sequence", f => f["normalizer"] = Typed("Sequence", ("normalizers", new JsonArray(Typed("NFC"), Typed("Loud")))), "$.normalizer.normalizers[1]", "\"Loud\" is not supported" },
        { "a normalizer without a type", f => f["normalizer"] = new JsonObject(), "$.normalizer", "\"type\" is missing" },
        { "an unknown pre-tokenizer", f => f["pre_tokenizer"] = Typed("UnicodeScripts"), "$.pre_tokenizer", "\"UnicodeScripts\" is not supported" },
        { "an unknown post-processor", f => f["post_processor"] = Typed("Wrap"), "$.post_processor", "\"Wrap\" is not supported" },
        { "an unknown decoder", f => f["decoder"] = Typed("CTC"), "$.decoder", "\"CTC\" is not supported" },
        { "ByteLevel before another", f => f["pre_tokenizer"] = Typed("Sequence", ("pretokenizers", new JsonArray(ByteLevel(), Typed("WhitespaceSplit")))), "$.pre_tokenizer.pretokenizers[0]", "only as the last" },
        { "a flag that is none", f => f["pre_tokenizer"] = Typed("ByteLevel", ("add_prefix_space", "yes")), "$.pre_tokenizer.add_prefix_space", "wanted true or false" },
        { "an unknown behavior", f => f["pre_tokenizer"] = Split("Regex", "a", "Sideways"), "$.pre_tokenizer.behavior", "wanted Removed, Isolated" },
        { "a behavior by number", f => f["pre_tokenizer"] = Split("Regex", "a", "2"), "$.pre_tokenizer.behavior", "wanted Removed, Isolated" },
        { "an empty literal", f => f["pre_tokenizer"] = Split("String", ""), "$.pre_tokenizer.pattern.String", "not empty" },
        { "a pattern that is none", f => f["pre_tokenizer"] = Split("Glob", "*"), "$.pre_tokenizer.pattern", "the field String or Regex" },
        { "a broken expression", f => f["pre_tokenizer"] = Split("Regex", "(a"), "$.pre_tokenizer.pattern.Regex", "cannot be used" },
        { "a possessive expression", f => f["pre_tokenizer"] = Split("Regex", "a++"), "$.pre_tokenizer.pattern.Regex", "cannot be used" },
        { "a script", f => f["pre_tokenizer"] = Split("Regex", @"\p{Han}"), "$.pre_tokenizer.pattern.Regex", "Han" },
        { "a class in a class", f => f["pre_tokenizer"] = Split("Regex", "[a[b]]"), "$.pre_tokenizer.pattern.Regex", "a class within a class" },
        { "a POSIX class", f => f["pre_tokenizer"] = Split("Regex", "[[:alpha:]]"), "$.pre_tokenizer.pattern.Regex", "a class within a class" },
        { "an intersection", f => f["pre_tokenizer"] = Split("Regex", "[a-z&&c-d]"), "$.pre_tokenizer.pattern.Regex", "intersection" },
        { "a class that begins with its end", f => f["pre_tokenizer"] = Split("Regex", "[]a]"), "$.pre_tokenizer.pattern.Regex", "begins with ]" },
        { "Ruby's option m", f => f["pre_tokenizer"] = Split("Regex", "(?m:.)"), "$.pre_tokenizer.pattern.Regex", "the option m" },
        { "a repetition from nothing", f => f["pre_tokenizer"] = Split("Regex", "a{,3}"), "$.pre_tokenizer.pattern.Regex", "lower bound" },
        { "an astral expression", f => f["pre_tokenizer"] = Split("Regex", "\U0001F44D"), "$.pre_tokenizer.pattern.Regex", "16-bit plane" },
        { "a template that names an absent token", f => f["post_processor"] = Template("[CLS]"), "$.post_processor.single[0]", "\"[CLS]\", which special_tokens does not define" },
        { "a template with an id that no token has", f => f["post_processor"] = Template("x", 99), "$.post_processor.special_tokens[\"x\"].ids[0]", "no token has the id 99" },
        { "a template without the sequence", f => { f["post_processor"] = Template("x", 4); f["post_processor"]!["single"]!.AsArray().RemoveAt(1); }, "$.post_processor.single", "0 times" },
        { "BERT's processing with an id that no token has", f => f["post_processor"] = Typed("BertProcessing", ("cls", new JsonArray("x", 4)), ("sep", new JsonArray("x", -4))), "$.post_processor.sep[1]", "found -4" },
        { "BERT's processing with half a pair", f => f["post_processor"] = Typed("BertProcessing", ("cls", new JsonArray("x")), ("sep", new JsonArray("x", 4))), "$.post_processor.cls", "a token and its id" },
        { "an added token with another id", f => Added(f).Add(TinyTokenizer.Added(9, "<t>")), "$.added_tokens[0]", "has id 9, but Hugging Face tokenizers numbers it 7" },
        { "an added token with the id of another", f => Added(f).Add(TinyTokenizer.Added(4, "<t>")), "$.added_tokens[0]", "has id 4" },
        { "an added token twice", f => { Added(f)
            .Add(TinyTokenizer.Added(7, "<t>")); Added(f)
            .Add(TinyTokenizer.Added(7, "<t>")); }, "$.added_tokens[1]", "there twice" },
        { "an empty added token", f => Added(f).Add(TinyTokenizer.Added(7, "")), "$.added_tokens[0]", "empty" },
        { "an endless added token", f => Added(f).Add(TinyTokenizer.Added(7, new string('y', 257))), "$.added_tokens[0]", "257 characters" },
        { "an added token without flags", f => Added(f).Add(new JsonObject { ["id"] = 7, ["content"] = "<t>" }), "$.added_tokens[0]", "is missing" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void AFileThatDoesNotHoldTogether_IsRefusedWithItsPlace(string what, Action<JsonObject> change, string place, string word)
    {
        var error = Assert.Throws<TokenizerException>(() => TinyTokenizer.Load(change));

        Assert.Equal((what, place), (what, error.Place));
        Assert.EndsWith("tokenizer.json", error.File, StringComparison.Ordinal);
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
        Assert.Contains(error.File, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "not usable JSON")]
    [InlineData("{", "not usable JSON")]
    [InlineData("[]", "found an array, wanted an object")]
    [InlineData("null", "found null, wanted an object")]
    [InlineData("{\"model\":{},\"model\":{}}", "not usable JSON")]
    [InlineData("{\"model\":{\"type\":\"\\ud800\"}}", "unpaired surrogate")]
    [InlineData("{\"model\":{\"vocab\":{\"\\udc00\":0},\"merges\":[]}}", "byte 19 holds an unpaired surrogate")]
    [InlineData("{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "not usable JSON")]
    public void JsonThatIsNone_IsRefused(string content, string word)
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.With("tokenizer.json", content)));

        Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AGitLfsPointer_IsCalledOne()
    {
        const string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();

        Assert.Contains(
            "Git LFS pointer",
            Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.With("tokenizer.json", pointer))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Git LFS pointer", Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(other.With("vocab.txt", pointer))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void NestingWithoutEnd_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var deep = new string('[', 10_000) + new string(']', 10_000);

        Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.With("tokenizer.json", $"{{\"normalizer\":{deep}}}")));
    }

    [Fact]
    public void AFileThatIsMissing_IsNamed()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains(
            "the file is missing", Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatIsTooLarge_IsRefusedUnread()
    {
        using var folder = new TemporaryFolder();
        using (var file = new FileStream(Path.Join(folder.Path, "tokenizer.json"), FileMode.Create)) file.SetLength((128L * MebiByte) + 1);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains("134217729 bytes", Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MebiByte);
    }

    [Fact]
    public void AByteOrderMark_IsTakenButUtf16IsRefused()
    {
        using var folder = new TemporaryFolder();
        var content = TinyTokenizer.File().ToJsonString();
        Write(new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Assert.Equal([6], HuggingFaceTokenizer.Load(folder.Path).EncodeToIds("abc"));
        Write(Encoding.Unicode);
        Assert.Contains("UTF-16", Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);

        void Write(Encoding encoding)
        {
            using var file = new FileStream(Path.Join(folder.Path, "tokenizer.json"), FileMode.Create);
            file.Write([.. encoding.GetPreamble(), .. encoding.GetBytes(content)]);
        }
    }

    [Theory]
    [InlineData("tokenizer_config.json")]
    [InlineData("special_tokens_map.json")]
    public void ASideFileThatIsBroken_IsNamed(string name)
    {
        using var folder = new TemporaryFolder();
        folder.With("tokenizer.json", TinyTokenizer.File().ToJsonString());

        var error = Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.With(name, "{\"cls_token\": 3}")));
        Assert.EndsWith(name, error.File, StringComparison.Ordinal);
        Assert.Equal("$.cls_token", error.Place);
    }

    [Fact]
    public void GapsBetweenIds_AreTaken()
    {
        var tokenizer = TinyTokenizer.Load(file => Model(file)["vocab"]!["y"] = 4_000_000);

        Assert.Equal([4_000_000], tokenizer.EncodeToIds("y"));
        Assert.Equal(4_000_001, tokenizer.VocabularySize);
        Assert.Null(tokenizer.TokenOf(3_999_999));
    }

    [Fact]
    public void AByteThatTheVocabularyLacks_IsLeftOutAndTheRestStays()
    {
        // ByteLevel with five of 256 bytes and no unknown token.
        var tokenizer = TinyTokenizer.Load(file =>
        {
            file["pre_tokenizer"] = ByteLevel();
            Model(file)["unk_token"] = null;
        });

        Assert.Equal([5, 4], tokenizer.EncodeToIds("a\u65e5b x"));
    }

    [Fact]
    public void AHundredThousandAddedTokens_LoadAndTheLongestIsFound()
    {
        var tokenizer = TinyTokenizer.Load(file =>
        {
            for (var i = 0; i < 100_000; i++) Added(file).Add(TinyTokenizer.Added(7 + i, $"<{i}"));
        });

        Assert.Equal([1, 7 + 12345, 2, 7 + 99_999, 0], tokenizer.EncodeToIds("a<12345b<999999"));
    }

    [Fact]
    public void AnExpressionThatNeverEnds_BecomesAnErrorThatNamesIt()
    {
        // The look-ahead keeps it from the engine that is linear by construction.
        var tokenizer = TinyTokenizer.Load(file => file["pre_tokenizer"] = Split("Regex", "(a|a)+(?=b)"));

        var error = Assert.Throws<TokenizerException>(() => tokenizer.EncodeToIds(new string('a', 100_000)));
        Assert.Equal("$.pre_tokenizer.pattern.Regex", error.Place);
        Assert.Contains("more than 4 s on a text of 100000 characters", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnExpressionWithNestedRepetition_IsLinearWhereItCanBe()
        => Assert.Equal(100_000, TinyTokenizer.Load(file => file["pre_tokenizer"] = Split("Regex", "(a+)+$")).CountTokens(new string('a', 100_000)));

    private static JsonObject Model(JsonObject file) => file["model"]!.AsObject();

    private static JsonArray Merges(JsonObject file) => Model(file)["merges"]!.AsArray();

    private static JsonArray Added(JsonObject file) => file["added_tokens"]!.AsArray();

    private static JsonObject Typed(string type, params ReadOnlySpan<(string Name, JsonNode Value)> fields)
    {
        var stage = new JsonObject { ["type"] = type };
        foreach (var (name, value) in fields) stage[name] = value;
        return stage;
    }

    private static JsonObject ByteLevel() => Typed("ByteLevel", ("add_prefix_space", false), ("trim_offsets", false), ("use_regex", true));

    private static JsonObject Split(string kind, string pattern, string behavior = "Isolated")
        => Typed("Split", ("pattern", new JsonObject { [kind] = pattern }), ("behavior", behavior), ("invert", false));

    private static JsonObject Template(string token, int? id = null)
    {
        var special = new JsonObject();
        if (id is { } known) special[token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(known), ["tokens"] = new JsonArray(token) };
        var single = new JsonArray(
            new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 } },
            new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } });
        return Typed("TemplateProcessing", ("single", single), ("pair", new JsonArray()), ("special_tokens", special));
    }

    private static void Unigram(JsonObject file) => file["model"] = new JsonObject
    {
        ["type"] = "Unigram",
        ["unk_id"] = 0,
        ["vocab"] = new JsonArray(new JsonArray("<unk>", 0), new JsonArray("a", -1.5)),
    };

    private static void WordPiece(JsonObject file)
    {
        var model = Model(file);
        model["type"] = "WordPiece";
        model["continuing_subword_prefix"] = "##";
        model["max_input_chars_per_word"] = 100;
    }
}

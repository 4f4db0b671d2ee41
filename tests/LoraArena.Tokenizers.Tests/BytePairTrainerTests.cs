using System.Diagnostics;
using System.Text.Json.Nodes;
using LoraArena.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Training: against merges that Hugging Face's BpeTrainer learnt (make_tokenizer_fixtures.py), and live where its Python is there.</summary>
public sealed class BytePairTrainerTests
{
    private static readonly JsonNode Fixture = HardTexts.Read("trainer.json");
    private static readonly string[] Corpus = [.. Fixture["corpus"]!.AsArray().Select(text => text!.GetValue<string>())];

    [Theory]
    [InlineData(300)]
    [InlineData(500)]
    [InlineData(2000)]
    public void Merges_AreThoseThatHuggingFaceLearns(int vocabularySize)
    {
        using var folder = new TemporaryFolder();
        Train(Corpus, vocabularySize, folder, "[TURN]");
        var model = JsonNode.Parse(File.ReadAllBytes(Path.Join(folder.Path, "tokenizer.json")))!["model"]!;

        Assert.Equal(
            Fixture["merges"]![$"{vocabularySize}"]!.AsArray().Select(merge => merge!.GetValue<string>()),
            model["merges"]!.AsArray().Select(merge => string.Join(' ', merge!.AsArray().Select(side => side!.GetValue<string>()))));
    }

    [Fact]
    public void ATrainedTokenizer_LoadsAndGivesEveryTextBack()
    {
        using var folder = new TemporaryFolder();
        Train(Corpus, 600, folder, "[TURN]", "[CUT]");
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);

        Assert.Equal(new SpecialTokens(Cls: 2, Sep: 3, Bos: null, Eos: null, Pad: 0, Unk: 1, Mask: 4), tokenizer.SpecialTokens);
        Assert.Equal((5, 6, 600), (tokenizer.IdOf("[TURN]"), tokenizer.IdOf("[CUT]"), tokenizer.VocabularySize));
        foreach (var text in HardTexts.Short.Where(text => !text.Any(char.IsSurrogate))) Assert.Equal(text, tokenizer.Decode(tokenizer.EncodeToIds(text)));
        Assert.Equal([2, .. tokenizer.EncodeToIds("a"), 5, 3], tokenizer.EncodeWithSpecials("a[TURN]"));
    }

    [Fact]
    public void WithoutTexts_TheBytesAreTheVocabulary()
    {
        using var folder = new TemporaryFolder();
        Train([], 1000, folder);

        Assert.Equal(BytePairTrainer.SmallestVocabulary, HuggingFaceTokenizer.Load(folder.Path).VocabularySize);
    }

    [Fact]
    public void ArgumentsThatMakeNoTokenizer_AreRefusedAndNothingIsWritten()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<ArgumentOutOfRangeException>(() => Train(Corpus, 260, folder));
        Assert.Throws<ArgumentException>(() => Train(Corpus, 300, folder, "[CLS]"));
        Assert.Throws<ArgumentException>(() => Train(Corpus, 300, folder, ""));
        Assert.Throws<OperationCanceledException>(() => BytePairTrainer.Train(Corpus, 300, folder.Path, cancellation: new CancellationToken(canceled: true)));

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task HuggingFace_LearnsTheSameLoadsOurFilesAndEncodesTheSame()
    {
        var python = TestFiles.Shared("python", "python");
        using var folder = new TemporaryFolder();
        Train(Corpus, 700, folder);
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);
        string[] texts = [.. HardTexts.Short.Where(text => !HasUnpairedSurrogate(text))];
        folder.With("texts.json", new JsonArray([.. texts.Select(text => (JsonNode?)text)]).ToJsonString());
        folder.With("corpus.json", new JsonArray([.. Corpus.Select(text => (JsonNode?)text)]).ToJsonString());
        folder.With("check.py", """
            import json, sys
            from tokenizers import Tokenizer, models, pre_tokenizers, trainers
            from transformers import AutoTokenizer
            folder = sys.argv[1]
            learnt = Tokenizer(models.BPE())
            learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            learnt.train_from_iterator(json.load(open(folder + "/corpus.json")), trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
            ours = json.load(open(folder + "/tokenizer.json"))
            auto = AutoTokenizer.from_pretrained(folder)
            json.dump({
                "same_model": json.loads(learnt.to_str())["model"] == ours["model"],
                "kept_as_written": json.loads(Tokenizer.from_file(folder + "/tokenizer.json").to_str()) == ours,
                "mask": auto.mask_token_id,
                "ids": [auto(text).input_ids for text in json.load(open(folder + "/texts.json"))],
            }, open(folder + "/answer.json", "w"))
            """);
        using var process = Process.Start(new ProcessStartInfo(python)
        {
            ArgumentList = { Path.Join(folder.Path, "check.py"), folder.Path },
            RedirectStandardError = true,
        })!;
        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, errors);

        var answer = JsonNode.Parse(await File.ReadAllBytesAsync(Path.Join(folder.Path, "answer.json"), TestContext.Current.CancellationToken))!;
        Assert.True(answer["same_model"]!.GetValue<bool>());
        Assert.True(answer["kept_as_written"]!.GetValue<bool>());
        Assert.Equal(tokenizer.SpecialTokens.Mask, answer["mask"]!.GetValue<int>());
        Assert.Equal(answer["ids"]!.AsArray().Select(HardTexts.Numbers), texts.Select(text => tokenizer.EncodeWithSpecials(text).ToArray()));
    }

    private static void Train(string[] texts, int vocabularySize, TemporaryFolder folder, params string[] moreSpecialTokens)
        => BytePairTrainer.Train(texts, vocabularySize, folder.Path, moreSpecialTokens, TestContext.Current.CancellationToken);

    private static bool HasUnpairedSurrogate(string text)
        => text.EnumerateRunes().Any(rune => rune.Value == 0xFFFD) && !text.Contains('\uFFFD', StringComparison.Ordinal);
}

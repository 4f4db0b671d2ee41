using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Folders with a SentencePiece model alone, against what AutoTokenizer of Transformers 5.24 makes of them (make_sentencepiece_fixtures.py).</summary>
public sealed class SentencePieceTests
{
    private const int Trainer = 2;
    private const int ModelType = 3;

    public static TheoryData<string> Names
        => [.. Directory.GetDirectories(TestFiles.Fixture("sentencepiece")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void HardTexts_HaveTheTokensPlacesAndTextsOfTransformers(string name)
    {
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("sentencepiece", name));
        var expected = HardTexts.Read("sentencepiece", name, "expected.json");
        string[] texts = [.. HardTexts.Short.Select(text => string.Concat(text.EnumerateRunes()))];
        Assert.Equal(texts.Length, expected["texts"]!.AsArray().Count);
        for (var i = 0; i < texts.Length; i++)
        {
            var ours = Library.Describe(tokenizer, texts[i]);
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('|', ours))))[..16];
            Assert.True(expected["texts"]![i]!.GetValue<string>() == hash, $"\"{texts[i]}\" became {string.Join('|', ours)}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Roles_AndTheTokensRoundAText_AreThoseOfTransformers(string name)
    {
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("sentencepiece", name));
        var expected = HardTexts.Read("sentencepiece", name, "expected.json");
        var roles = tokenizer.SpecialTokens;

        Assert.Equal(
            expected["roles"]!.AsArray().Select(id => id?.GetValue<int>()),
            [roles.Cls, roles.Sep, roles.Bos, roles.Eos, roles.Pad, roles.Unk, roles.Mask]);
        Assert.Equal(
            [.. HardTexts.Numbers(expected["before"]), .. tokenizer.EncodeToIds("a"), .. HardTexts.Numbers(expected["after"])],
            tokenizer.EncodeWithSpecials("a"));
    }

    [Fact]
    public void AFolderThatHasATokenizerJsonToo_IsReadFromThat()
    {
        using var folder = Copy("llama");
        folder.With("tokenizer.json", TinyTokenizer.File().ToJsonString());

        Assert.Equal([6], HuggingFaceTokenizer.Load(folder.Path).EncodeToIds("abc"));
    }

    [Fact]
    public void AnotherClass_IsRefusedWithWhatToDo()
    {
        using var folder = Copy("llama");
        folder.With("tokenizer_config.json", "{\"tokenizer_class\": \"T5Tokenizer\"}");

        Assert.Contains("\"T5Tokenizer\" is not supported", Refusal(folder), StringComparison.Ordinal);
        Assert.Contains("that writes a tokenizer.json", Refusal(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void AModelOfAnotherKindThanTheClassHas_IsRefused()
    {
        using var folder = Copy("llama");
        folder.With("tokenizer_config.json", "{\"tokenizer_class\": \"XLMRobertaTokenizer\"}");
        Assert.Contains("the model is BPE, but the folder's tokenizer class has Unigram", Refusal(folder), StringComparison.Ordinal);

        using var words = new TemporaryFolder();
        WriteModel(words, [.. Message(1, [.. Message(1, "a"u8)]), .. Message(Trainer, [ModelType << 3, 3])]);
        Assert.Contains("found 3, wanted 1 (Unigram) or 2 (BPE)", Refusal(words), StringComparison.Ordinal);
    }

    [Fact]
    public void FilesThatAreNoSuchModel_AreRefusedAsWhatTheyAre()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("Git LFS pointer", Of("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"u8), StringComparison.Ordinal);
        Assert.Contains("tiktoken's list of tokens", Of("IQ== 0\nIg== 1\n"u8), StringComparison.Ordinal);
        Assert.Contains("byte 0: the file is not a SentencePiece model: it has no pieces", Of([]), StringComparison.Ordinal);
        Assert.Contains("is not a SentencePiece model", Of("hello, world"u8), StringComparison.Ordinal);
        Assert.Contains(
            "byte 0: the file is not a SentencePiece model: it ends within a field", Of([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
            StringComparison.Ordinal);
        Assert.Contains(
            "byte 4: the file is not a SentencePiece model: the text is not UTF-8", Of([.. Message(1, [.. Message(1, [0xFF])])]),
            StringComparison.Ordinal);
        Assert.Contains(
            "the piece \"a\" is there twice, first as 0",
            Of([.. Message(1, [.. Message(1, "a"u8)]), .. Message(1, [.. Message(1, "a"u8)])]), StringComparison.Ordinal);

        string Of(ReadOnlySpan<byte> content)
        {
            WriteModel(folder, content);
            return Refusal(folder);
        }
    }

    [Fact]
    public void AnAddedTokenThatTransformersWouldNumberOtherwise_IsRefused()
    {
        using var folder = Copy("llama");
        folder.With("tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizer\", \"added_tokens_decoder\": {\"900\": {\"content\": \"<more>\"}}}");

        Assert.Contains("give it the id 900, but Transformers numbers it 800", Refusal(folder), StringComparison.Ordinal);
    }

    [Fact]
    public void PiecesTooLongForMerges_AreRefusedInsteadOfCounted()
    {
        using var folder = new TemporaryFolder();
        WriteModel(folder, [.. Message(1, [.. Message(1, Encoding.ASCII.GetBytes(new string('a', 70_000)))]), .. Message(Trainer, [ModelType << 3, 2])]);

        Assert.Contains("too long for the merges", Refusal(folder), StringComparison.Ordinal);
    }

    private static string Refusal(TemporaryFolder folder) => Assert.Throws<TokenizerException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message;

    private static TemporaryFolder Copy(string name)
    {
        var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(TestFiles.Fixture("sentencepiece", name)))
        {
            File.Copy(file, Path.Join(folder.Path, Path.GetFileName(file)));
        }

        return folder;
    }

    private static void WriteModel(TemporaryFolder folder, ReadOnlySpan<byte> content, string name = "tokenizer.model")
    {
        using var file = new FileStream(Path.Join(folder.Path, name), FileMode.Create);
        file.Write(content);
    }

    // A field of bytes with a length; good for up to 70,000.
    private static byte[] Message(int field, ReadOnlySpan<byte> content)
    {
        var length = content.Length;
        return [(byte)(field << 3 | 2), (byte)(length & 0x7F | 0x80), (byte)(length >> 7 & 0x7F | 0x80), (byte)(length >> 14), .. content];
    }
}

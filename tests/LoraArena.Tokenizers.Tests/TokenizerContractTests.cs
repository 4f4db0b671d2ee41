using System.Buffers;
using LoraArena.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>The members of Microsoft.ML.Tokenizers.Tokenizer: whoever takes one takes ours.</summary>
public sealed class TokenizerContractTests
{
    private static readonly HuggingFaceTokenizer WordPiece = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", "wordpiece-uncased"));
    private static readonly HuggingFaceTokenizer Bytes = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", "bytes-gpt2"));

    public static TheoryData<string> Names => HardTextTests.Names;

    [Fact]
    public void Tokens_HaveTheirValueAndTheirPlaceInTheOriginal()
    {
        const string text = "Über die\u00A0STRASSE";
        Tokenizer tokenizer = WordPiece;
        var tokens = tokenizer.EncodeToTokens(text, out _);

        Assert.Equal(
            text.Replace("\u00A0", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal),
            string.Concat(tokens.Select(token => text[token.Offset])));
        Assert.All(tokens, token => Assert.Equal(WordPiece.TokenOf(token.Id), token.Value));
        Assert.All(tokens, token => Assert.Equal(token.Id, WordPiece.IdOf(token.Value)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryWayToEncode_SaysTheSame(string name)
    {
        Tokenizer tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", name));
        foreach (var text in HardTexts.Short)
        {
            var ids = tokenizer.EncodeToIds(text);
            Assert.Equal(ids, tokenizer.EncodeToIds(text.AsSpan()));
            Assert.Equal(ids, tokenizer.EncodeToTokens(text.AsSpan(), out _).Select(token => token.Id));
            Assert.Equal(ids.Count, tokenizer.CountTokens(text));
            Assert.Equal(ids.Count, tokenizer.CountTokens(text.AsSpan()));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ALimit_CutsAtTheEndOfATokenThatEndsWithItsCharacter(string name)
    {
        Tokenizer tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", name));
        foreach (var text in HardTexts.Short)
        {
            var tokens = tokenizer.EncodeToTokens(text, out _);
            for (var most = 1; most <= tokens.Count + 1; most += 1 + (most / 4))
            {
                var ids = tokenizer.EncodeToIds(text, most, out var normalized, out var consumed);
                Assert.True(ids.Count <= most);
                Assert.Equal(tokens.Take(ids.Count).Select(token => token.Id), ids);
                Assert.Equal(ids.Count == tokens.Count ? text.Length : ids.Count == 0 ? 0 : tokens[ids.Count - 1].Offset.End.Value, consumed);
                for (var dropped = ids.Count + 1; dropped <= most && dropped < tokens.Count; dropped++)
                {
                    Assert.True(tokens[dropped].Offset.Start.Value < tokens[dropped - 1].Offset.End.Value);
                }

                Assert.Equal(consumed, tokenizer.GetIndexByTokenCount(text, most, out normalized, out var count));
                Assert.Equal(ids.Count, count);
                Assert.Null(normalized);

                var from = tokenizer.GetIndexByTokenCountFromEnd(text, most, out normalized, out count);
                Assert.True(count <= most);
                Assert.Equal(count == tokens.Count ? 0 : count == 0 ? text.Length : tokens[^count].Offset.Start.Value, from);
                Assert.Null(normalized);
            }
        }
    }

    [Fact]
    public void ALimit_DoesNotKeepHalfACharacter()
    {
        // The emoji is four tokens of a byte each.
        Assert.Equal(5, Bytes.CountTokens("a\U0001F9FF"));

        Assert.Single(Bytes.EncodeToIds("a\U0001F9FF", 3, out _, out var consumed));
        Assert.Equal(1, consumed);
        Assert.Equal(3, Bytes.GetIndexByTokenCountFromEnd("a\U0001F9FF", 3, out _, out var count));
        Assert.Equal(0, count);
        Assert.Equal(1, Bytes.GetIndexByTokenCountFromEnd("a\U0001F9FF", 4, out _, out count));
        Assert.Equal(4, count);
    }

    [Fact]
    public void ALimitBelowOne_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Bytes.EncodeToIds("a", 0, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => Bytes.GetIndexByTokenCount("a", -1, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => Bytes.GetIndexByTokenCountFromEnd("a", 0, out _, out _));
    }

    [Fact]
    public void Stages_CanBeLeftOut()
    {
        Assert.Equal(WordPiece.EncodeToIds("the"), WordPiece.EncodeToIds("The"));
        Assert.Equal([WordPiece.SpecialTokens.Unk!.Value], WordPiece.EncodeToIds("The", considerNormalization: false));
        Assert.Equal([WordPiece.SpecialTokens.Unk!.Value], WordPiece.EncodeToIds("the dog", considerPreTokenization: false));
        Assert.Equal("the dog", Bytes.Decode(Bytes.EncodeToIds("the dog", considerPreTokenization: false)));
    }

    [Fact]
    public void DecodeIntoASpan_WritesAllOrNothing()
    {
        var ids = Bytes.EncodeToIds("don't");
        var destination = new char[5];

        Assert.Equal(OperationStatus.DestinationTooSmall, Bytes.Decode(ids, destination.AsSpan(0, 4), out var consumed, out var written));
        Assert.Equal((0, 0), (consumed, written));
        Assert.Equal(OperationStatus.Done, Bytes.Decode(ids, destination, out consumed, out written));
        Assert.Equal((ids.Count, 5), (consumed, written));
        Assert.Equal("don't", new string(destination));
        Assert.Equal(OperationStatus.InvalidData, Bytes.Decode([1_000_000], destination, out _, out _));
    }

    [Fact]
    public void Decode_RefusesAnIdThatNoTokenHas()
    {
        Assert.Equal("", Bytes.Decode([]));
        Assert.Contains("-1", Assert.Throws<InvalidOperationException>(() => Bytes.Decode([-1])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => Bytes.Decode([Bytes.VocabularySize]));
    }

    [Fact]
    public void Decode_LeavesSpecialTokensOutWhenAsked()
    {
        var ids = WordPiece.EncodeWithSpecials("the dog");

        Assert.Equal("[CLS] the dog [SEP]", WordPiece.Decode(ids));
        Assert.Equal("the dog", WordPiece.Decode(ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Decode_ReplacesBytesThatAreNotUtf8() => Assert.Equal("\uFFFDa", Bytes.Decode([Bytes.IdOf("ł")!.Value, Bytes.IdOf("a")!.Value]));

    [Fact]
    public void Vocabulary_GoesBothWays()
    {
        Assert.Equal(
            Enumerable.Range(0, WordPiece.VocabularySize),
            Enumerable.Range(0, WordPiece.VocabularySize).Select(id => WordPiece.IdOf(WordPiece.TokenOf(id)!)!.Value));
        Assert.Null(WordPiece.TokenOf(WordPiece.VocabularySize));
        Assert.Null(WordPiece.TokenOf(-1));
        Assert.Null(WordPiece.IdOf("no such token"));
    }

    [Fact]
    public async Task ManyThreads_MayShareOne()
    {
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", "bytes-roberta"));
        var alone = HuggingFaceTokenizer.Load(TestFiles.Fixture("tokenizers", "bytes-roberta"));
        string[] texts = [.. HardTexts.Short];
        var expected = Array.ConvertAll(texts, text => alone.EncodeToTokens(text, out _));

        await Parallel.ForAsync(0, texts.Length * 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, (i, _) =>
        {
            var index = (i * 31) % texts.Length;
            Assert.Equal(expected[index], tokenizer.EncodeToTokens(texts[index], out var _));
            Assert.Equal(expected[index].Select(token => token.Id), tokenizer.EncodeToIds(texts[index]));
            return ValueTask.CompletedTask;
        });
    }

    [Theory]
    [InlineData("\uD800")]
    [InlineData("a\uDC00b")]
    [InlineData("\uDE00\uD83D")]
    public void AnUnpairedSurrogate_CountsAsTheReplacementCharacter(string text)
    {
        var repaired = string.Concat(text.Select(c => char.IsSurrogate(c) ? '\uFFFD' : c));
        foreach (var tokenizer in new[] { WordPiece, Bytes })
        {
            Assert.Equal(tokenizer.EncodeToTokens(repaired, out _), tokenizer.EncodeToTokens(text, out _));
            Assert.Equal(tokenizer.Normalizer?.Normalize(repaired), tokenizer.Normalizer?.Normalize(text));
            Assert.Equal(tokenizer.PreTokenizer!.PreTokenize(repaired), tokenizer.PreTokenizer.PreTokenize(text));
        }
    }
}

using LoraArena.Core.Battles;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;

namespace LoraArena.Learning.Tests.Packing;

/// <summary>Tokens that are kept between runs: the same come back, and nothing that is damaged does.</summary>
public sealed class TokenCacheTests : IDisposable
{
    private static readonly PackingTemplate Template = new([1], [2], [2], [2], [7, 8], [9], 0);
    private static readonly string Name = TokenCache.Key("data", "tokenizer", "template");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatIsKept_ComesBackAsItWas()
    {
        var file = Rows(50);
        new TokenCache(_folder.Path).Keep(Name, file);

        var found = new TokenCache(_folder.Path).Find(Name)!;

        Assert.Equal(file.Template.BetweenTurns, found.Template.BetweenTurns);
        Assert.Equal((file.Template.Pad, file.Template.Overhead), (found.Template.Pad, found.Template.Overhead));
        Assert.Equal(file.Battles.Select(Describe), found.Battles.Select(Describe));
    }

    [Fact]
    public void AnotherDataFileTokenizerOrTemplate_IsAnotherEntry()
    {
        new TokenCache(_folder.Path).Keep(Name, Rows(1));

        Assert.Null(new TokenCache(_folder.Path).Find(TokenCache.Key("other", "tokenizer", "template")));
        Assert.Null(new TokenCache(_folder.Path).Find(TokenCache.Key("data", "other", "template")));
        Assert.Null(new TokenCache(_folder.Path).Find(TokenCache.Key("data", "tokenizer", "other")));
        Assert.NotEqual(TokenCache.Key("a", "b", "c"), TokenCache.Key("a", "bc", ""));
    }

    [Fact]
    public void AnEntryThatIsDamagedAnywhere_CountsAsMissing()
    {
        var cache = new TokenCache(_folder.Path);
        cache.Keep(Name, Rows(3));
        var path = Directory.GetFiles(_folder.Path).Single();
        var whole = File.ReadAllBytes(path);
        for (var i = 0; i < whole.Length; i += 7)
        {
            byte[] damaged = [.. whole];
            damaged[i] ^= 1;
            _folder.Write(Path.GetFileName(path), damaged);
            Assert.Null(cache.Find(Name));
        }

        _folder.Write(Path.GetFileName(path), whole.AsSpan(0, whole.Length / 2));
        Assert.Null(cache.Find(Name));
        _folder.Write(Path.GetFileName(path), whole);
        Assert.NotNull(cache.Find(Name));
    }

    [Fact]
    public void TheEntryUsedLongestAgo_GoesFirst()
    {
        var size = SizeOf(Rows(20));
        var cache = new TokenCache(_folder.Path, maxBytes: 4 * size);
        string[] keys = [.. Enumerable.Range(0, 6).Select(i => TokenCache.Key($"{i}", "", ""))];
        for (var i = 0; i < keys.Length; i++)
        {
            cache.Keep(keys[i], Rows(20));
            foreach (var path in Directory.GetFiles(_folder.Path)) File.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(path).AddMinutes(-1));
            _ = cache.Find(keys[0]);
        }

        Assert.NotNull(cache.Find(keys[0]));
        Assert.Null(cache.Find(keys[1]));
        Assert.NotNull(cache.Find(keys[5]));
        Assert.True(new DirectoryInfo(_folder.Path).EnumerateFiles().Sum(entry => entry.Length) <= 4 * size);
    }

    [Fact]
    public void WhatIsTooLarge_IsNotKept()
    {
        var cache = new TokenCache(_folder.Path, maxBytes: SizeOf(Rows(20)));
        cache.Keep(Name, Rows(20));

        Assert.Null(cache.Find(Name));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task SeveralAtOnce_NeverSeeHalfAnEntry()
    {
        var expected = Rows(200).Battles.Select(Describe).ToList();
        await Parallel.ForAsync(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 8 }, (i, _) =>
        {
            var cache = new TokenCache(_folder.Path);
            if (i % 2 == 0) cache.Keep(Name, Rows(200));
            else if (cache.Find(Name) is { } found) Assert.Equal(expected, found.Battles.Select(Describe));
            return ValueTask.CompletedTask;
        });
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void ATokenWithoutARowOfTheEmbedding_IsRefusedInASentenceOnlyWhereItOccurs()
    {
        var battles = Rows(3).Battles;
        EmbeddingRows.Check("model", battles, 1003);
        Assert.Contains(
            "row id2 of the data has a token with id 1002, but the model's embedding has 1002 rows",
            Assert.Throws<ModelException>(() => EmbeddingRows.Check("model", battles, 1002)).Message, StringComparison.Ordinal);

        EmbeddingRows.Check("model", Template, 10);
        Assert.Contains("id 9", Assert.Throws<ModelException>(() => EmbeddingRows.Check("model", Template, 9)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "the padding token has id 12",
            Assert.Throws<ModelException>(() => EmbeddingRows.Check("model", Template with { Pad = 12 }, 10)).Message,
            StringComparison.Ordinal);
    }

    private static TokenizedFile Rows(int count) => new(Template, [.. Enumerable.Range(0, count).Select(i => new TokenizedBattle(
        $"id{i}", [[i, 1000 + i], []], [[5]], [[.. Enumerable.Range(0, i % 9)], [3]], i % 4 == 3 ? null : (Winner)(i % 3), $"group{i / 2}"))]);

    private static string Describe(TokenizedBattle battle)
        => string.Join('|', battle.Id, battle.Group, battle.Winner, Join(battle.Prompts), Join(battle.A), Join(battle.B));

    private static string Join(IReadOnlyList<int[]> turns) => string.Join(';', turns.Select(turn => string.Join(',', turn)));

    private static long SizeOf(TokenizedFile file)
    {
        using var folder = new TemporaryFolder();
        new TokenCache(folder.Path).Keep(Name, file);
        return new FileInfo(Directory.GetFiles(folder.Path).Single()).Length;
    }
}

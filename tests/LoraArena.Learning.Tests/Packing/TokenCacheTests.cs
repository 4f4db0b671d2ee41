using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Tests.Training;

namespace LoraArena.Learning.Tests.Packing;

public sealed class TokenCacheTests
{
    private static readonly IReadOnlyList<TokenizedBattle> Rows =
    [
        .. TinyTraining.Battles(5),
        new("with \u00e9 and no turns", [], [[]], [[1, 2], [3]], null, ""),
    ];

    [Theory]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(2_000_000)]
    public void Rows_ComeBackAsTheyWere(int largest)
    {
        using var folder = new TemporaryFolder();
        IReadOnlyList<TokenizedBattle> rows = [.. Rows, new("largest", [[largest]], [[0]], [[largest, 1]], Winner.Tie, "g")];
        TokenFile.Write(folder.At("rows"), rows);
        AssertSame(rows, TokenFile.TryRead(folder.At("rows")));
    }

    [Fact]
    public void WhatIsThere_IsNotMadeAgain_AndAnotherKeyIs()
    {
        using var folder = new TemporaryFolder();
        var cache = new TokenCache(folder.At("tokens"), TimeProvider.System);
        AssertSame(Rows, cache.Get(TokenCache.Key(["data", "model"]), () => Rows));
        AssertSame(Rows, cache.Get(TokenCache.Key(["data", "model"]), () => throw new InvalidOperationException("made again")));
        Assert.Empty(cache.Get(TokenCache.Key(["data", "other"]), () => []));
    }

    [Fact]
    public void ADamagedFile_IsMadeAgain()
    {
        using var folder = new TemporaryFolder();
        var cache = new TokenCache(folder.Path, TimeProvider.System);
        cache.Get("key", () => Rows);
        var file = Assert.Single(Directory.GetFiles(folder.Path));
        foreach (var cut in new Func<byte[], byte[]>[] { bytes => bytes[..^1], bytes => bytes[..10], _ => [], bytes => [.. bytes[..40], (byte)(bytes[40] ^ 1), .. bytes[41..]] })
        {
            var whole = File.ReadAllBytes(file);
            AtomicFile.WriteBytes(file, cut(whole));
            Assert.Null(TokenFile.TryRead(file));
            AssertSame(Rows, cache.Get("key", () => Rows));
            Assert.Equal(whole, File.ReadAllBytes(file));
        }
    }

    [Fact]
    public void AFolderThatCannotBeMade_IsOnlySlower()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder.At("tokens"), "a file is in the way");
        AssertSame(Rows, new TokenCache(folder.At("tokens"), TimeProvider.System).Get("key", () => Rows));
    }

    private static void AssertSame(IReadOnlyList<TokenizedBattle> expected, IReadOnlyList<TokenizedBattle>? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Select(row => (row.Id, row.Winner, row.Group)), actual.Select(row => (row.Id, row.Winner, row.Group)));
        foreach (var (one, other) in expected.Zip(actual)) Assert.Equal([one.Prompts, one.A, one.B], [other.Prompts, other.A, other.B]);
    }
}

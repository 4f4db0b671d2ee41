namespace LoraArena.Cli.Tests;

public sealed class StarterTests : IDisposable
{
    private readonly Arena _arena = new();

    public void Dispose() => _arena.Dispose();

    [Fact]
    public async Task Starter_GivesTheSameBytesForTheSameSeedAndOthersForAnother()
    {
        var answers = await Task.WhenAll(
            _arena.AskAsync("starter", "--out", _arena.At("one"), "--seed", "5"),
            _arena.AskAsync("starter", "--out", _arena.At("two"), "--seed", "5"), _arena.AskAsync("starter", "--out", _arena.At("three")));

        Assert.Equal([5, 5, 0], answers.Select(answer => (int)answer["seed"]!));
        foreach (var name in answers[0]["files"]!.AsArray().Select(file => (string)file!))
        {
            Assert.Equal(File.ReadAllBytes(_arena.At($"one/{name}")), File.ReadAllBytes(_arena.At($"two/{name}")));
            Assert.NotEqual(File.ReadAllBytes(_arena.At($"one/{name}")), File.ReadAllBytes(_arena.At($"three/{name}")));
        }
    }

    [Fact]
    public async Task Starter_DoesNotReplaceAFileThatIsThere()
    {
        _arena.Write("train.csv", "mine");

        var ended = await _arena.RunProgramAsync("starter", "--out", ".");

        Assert.Equal(3, ended.ExitCode);
        Assert.Equal("mine", File.ReadAllText(_arena.At("train.csv")));
        Assert.False(File.Exists(_arena.At("test.csv")));
    }
}

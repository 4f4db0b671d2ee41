namespace LoraArena.Cli.Tests;

public sealed class UsageTests : IDisposable
{
    private readonly Arena _arena = new();

    public void Dispose() => _arena.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("imprt x.csv")]
    [InlineData("import --competition c")]
    [InlineData("import x.csv")]
    [InlineData("import x.csv --competition c --role labels")]
    [InlineData("split c")]
    [InlineData("split c --folds three")]
    [InlineData("split c --folds 5 --hold-out 0.2")]
    [InlineData("run --competition c --model m")]
    [InlineData("run --competition c --model m --variant lora --steps 4 --epochs 1")]
    [InlineData("run --competition c --model m --variant lora --fold 1 --hold-out")]
    [InlineData("run --competition c --model m --variant lora -s r")]
    [InlineData("run --competition c --model m --variant lora --steps 1.5")]
    [InlineData("board c --format xml")]
    [InlineData("board c --format csv --json")]
    [InlineData("compare one")]
    [InlineData("predict r --out f --swap-average perhaps")]
    [InlineData("user add ada --role king")]
    [InlineData("--json")]
    public async Task WrongUsage_EndsWith2AndSaysNothingOnStdout(string line)
    {
        var ended = await _arena.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, ended.ExitCode);
        Assert.Empty(ended.Output);
        Assert.Contains("--help' says how it is used.", ended.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_arena.Store), "Wrong usage has touched the arena.");
    }

    /// <summary>What the other tests see of a command in their own process, seen of the program once for each way out.</summary>
    [Theory]
    [InlineData("split c", 2, "--help' says how it is used.")]
    [InlineData("board nowhere", 3, "There is no competition 'nowhere'")]
    [InlineData("competitions --store file", 1, "file")]
    [InlineData("import Ω.csv --competition Ω --json", 0, null)]
    public async Task TheProgram_AnswersOnStdout_SaysWhyNotOnStderr_AndItsExitCodeTells(string line, int exitCode, string? sentence)
    {
        _arena.Write("file", "");
        _arena.Write("Ω.csv", Battles.Train(8));

        var ended = await _arena.RunProgramAsync(line.Split(' '));

        Assert.Equal(exitCode, ended.ExitCode);
        if (sentence is null)
        {
            Assert.Empty(ended.Errors);
            Assert.Equal("Ω", (string?)ended.Document()["competition"]);
        }
        else
        {
            Assert.Empty(ended.Output);
            Assert.Contains(sentence, ended.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Help_ListsTheCommandsOnStdout()
    {
        var ended = await _arena.RunProgramAsync("--help");

        Assert.Equal(0, ended.ExitCode);
        foreach (var command in new[] { "import", "run", "watch", "board", "compare", "predict", "serve" })
        {
            Assert.Contains($"\n  {command} ", ended.Output, StringComparison.Ordinal);
        }

        Assert.Empty(ended.Errors);
    }

    [Fact]
    public async Task Help_OfACommandNeedsNoneOfItsArguments()
    {
        var ended = await _arena.RunAsync("run", "--help");

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("--max-length <L>", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("baselines @x")]
    [InlineData("board nowhere")]
    [InlineData("show 01abcdefgh")]
    [InlineData("submission check nothing.csv --competition nowhere")]
    [InlineData("models add nothing")]
    [InlineData("baselines c --store= ")]
    public async Task WhatIsNotThere_IsRefusedWith3AndOneSentence(string line)
    {
        var ended = await _arena.RunAsync(line.Split(' '));

        Assert.Equal(3, ended.ExitCode);
        Assert.Empty(ended.Output);
        Assert.Single(ended.Errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task AStoreThatIsAFile_FailsWith1()
    {
        _arena.Write("file", "");

        var ended = await _arena.RunAsync("competitions", "--store", _arena.At("file"));

        Assert.Equal(1, ended.ExitCode);
        Assert.Empty(ended.Output);
        Assert.Single(ended.Errors.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("", "setting", "setting")]
    [InlineData("variable", "setting", "variable")]
    public async Task TheArena_IsWhereItsVariableSays_ElseWhereTheServersSettingDoes(string variable, string setting, string expected)
    {
        string Folder(string name) => name.Length == 0 ? "" : _arena.At(name);
        using var running = _arena.Start(
            new Dictionary<string, string> { ["LORAARENA_STORE"] = Folder(variable), ["Arena__Store"] = Folder(setting) }, "competitions");
        Assert.Equal(0, (await running.EndAsync()).ExitCode);

        Assert.True(Directory.Exists(Folder(expected)));
        Assert.False(Directory.Exists(_arena.Store));
    }
}

namespace LoraArena.Cli.Tests;

public sealed class ImportTests : IDisposable
{
    private readonly Arena _arena = new();

    public void Dispose() => _arena.Dispose();

    // Files of this host are no uploads: a server's limit for them does not hold here, and no other does.
    [Fact]
    public void Import_TakesFilesHoweverLarge()
        => Assert.Equal(long.MaxValue, ArenaServices.OpenLibrary(new Core.Files.ArenaFolder(_arena.At("large")), TimeProvider.System).MaxUploadBytes);

    [Fact]
    public async Task Import_TakesSeveralFilesAndTellsWhatEachIs()
    {
        _arena.Write("train.csv", Battles.Train(12));
        _arena.Write("test.csv", Battles.Test(4));
        _arena.Write("sample.csv", Battles.Submission(4));

        var answer = await _arena.AskAsync("import", _arena.At("train.csv"), _arena.At("test.csv"), _arena.At("sample.csv"), "--competition", "Arena");

        Assert.Equal("Arena", (string?)answer["competition"]);
        Assert.Equal(["train", "test", "sample"], answer["files"]!.AsArray().Select(file => (string?)file!["role"]));
        Assert.Equal([12, 4, 4], answer["files"]!.AsArray().Select(file => (int?)file!["accepted"]));
        Assert.Equal("train.csv", (string?)answer["files"]![0]!["name"]);
        Assert.Matches("^[0-9a-f]{64}$", (string?)answer["files"]![0]!["sha256"]);
        var listed = (await _arena.AskAsync("competitions"))["competitions"]!.AsArray().Single()!;
        Assert.Equal("Arena", (string?)listed["name"]);
        Assert.Equal((string?)listed["default_split"], (string?)listed["splits"]!.AsArray().Single()!["id"]);
    }

    [Fact]
    public async Task Import_ListsRejectedRowsWithLineColumnAndReason()
    {
        _arena.Write("train.csv", Battles.Train(8) + "bad,\"[\"\"p\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\",1,1,0\nodd,\"[\"\"p\"\"]\",[],\"[\"\"b\"\"]\",1.0,0.0,0.0\n");

        var file = (await _arena.AskAsync("import", _arena.At("train.csv"), "--competition", "Arena"))["files"]![0]!;

        Assert.Equal((10, 9, 1, 1), ((int)file["rows"]!, (int)file["accepted"]!, (int)file["repaired"]!, (int)file["rejected_count"]!));
        var repair = file["repairs"]!.AsArray().Single()!;
        Assert.Equal((11, "response_a", "odd"), ((int)repair["line"]!, (string)repair["column"]!, (string)repair["id"]!));
        var rejected = file["rejected"]!.AsArray().Single()!;
        Assert.Equal((10, "winner_model_b"), ((int)rejected["line"]!, (string)rejected["column"]!));
        Assert.Contains("two winners", (string?)rejected["reason"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_KeepsTheFilesBeforeOneThatIsRefused()
    {
        _arena.Write("train.csv", Battles.Train(8));
        _arena.Write("broken.csv", "id;prompt;response_a\n");
        _arena.Write("test.csv", Battles.Test(4));

        var ended = await _arena.RunAsync("import", _arena.At("train.csv"), _arena.At("broken.csv"), _arena.At("test.csv"), "--competition", "Arena", "--json");

        Assert.Equal(3, ended.ExitCode);
        Assert.Contains("broken.csv, line 1", ended.Errors, StringComparison.Ordinal);
        Assert.Equal("train.csv", (string?)ended.Document()["files"]!.AsArray().Single()!["name"]);
        var kept = (await _arena.AskAsync("competitions"))["competitions"]![0]!["files"]!.AsArray();
        Assert.Equal("train", (string?)kept.Single()!["role"]);
    }

    [Fact]
    public async Task Import_OfAFileInTheWrongRoleIsRefusedAndSaysWhichColumnIsMissing()
    {
        _arena.Write("test.csv", Battles.Test(4));

        var ended = await _arena.RunAsync("import", _arena.At("test.csv"), "--competition", "Arena", "--role", "train");

        Assert.Equal(3, ended.ExitCode);
        Assert.Empty(ended.Output);
        Assert.Contains("winner_model_a", ended.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories(Path.Join(_arena.Store, "datasets")));
        Assert.Empty(Directory.EnumerateDirectories(Path.Join(_arena.Store, "competitions")));
    }

    [Fact]
    public async Task Import_TakesThePlaceOfAFileOnlyWhenAskedTo()
    {
        _arena.Write("train.csv", Battles.Train(8));
        _arena.Write("newer.csv", Battles.Train(9));
        await _arena.AskAsync("import", _arena.At("train.csv"), "--competition", "Arena");

        var refused = await _arena.RunAsync("import", _arena.At("newer.csv"), "--competition", "Arena");
        var replaced = await _arena.AskAsync("import", _arena.At("newer.csv"), "--competition", "Arena", "--replace");

        Assert.Equal((3, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("has training data already (train.csv, 8 rows", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("--replace", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(9, (int)replaced["files"]![0]!["accepted"]!);
        var listed = (await _arena.AskAsync("competitions"))["competitions"]![0]!;
        Assert.Equal("newer.csv", (string?)listed["files"]!.AsArray().Single()!["name"]);
        Assert.Equal("train.csv", (string?)listed["earlier"]!.AsArray().Single()!["file"]!["name"]);
    }

    [Fact]
    public async Task Import_OfAPipeIsRefusedAtOnce()
    {
        using var make = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("mkfifo", [_arena.At("pipe.csv")]))!;
        await make.WaitForExitAsync(TestContext.Current.CancellationToken);

        var ended = await _arena.RunAsync("import", _arena.At("pipe.csv"), "--competition", "Arena");

        Assert.Equal(3, ended.ExitCode);
        Assert.Contains("a pipe (FIFO), not a file", ended.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories(Path.Join(_arena.Store, "competitions")));
    }

    [Theory]
    [InlineData("@x")]
    [InlineData("../=cmd|' /C calc'!A0")]
    [InlineData("Ω 日本語 🙂 [red]")]
    public async Task Competition_MayHaveAnyVisibleName(string name)
    {
        _arena.Write("train.csv", Battles.Train(8));

        var imported = await _arena.AskAsync("import", _arena.At("train.csv"), $"--competition={name}");
        var split = await _arena.AskAsync("split", name, "--folds", "2");
        var text = await _arena.RunAsync("competitions");

        Assert.Equal(name, (string?)imported["competition"]);
        Assert.Equal(name, (string?)split["competition"]);
        Assert.Contains(name, text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Competition_MayNotHaveANameThatCannotBeSeen()
    {
        _arena.Write("train.csv", Battles.Train(8));

        var ended = await _arena.RunAsync("import", _arena.At("train.csv"), "--competition", "a\u001b[2Jb");

        Assert.Equal(3, ended.ExitCode);
        Assert.DoesNotContain('\u001b', ended.Errors);
    }

    [Fact]
    public async Task TwoImportsAtOnceIntoANewArena_BothSucceed()
    {
        _arena.Write("train.csv", Battles.Train(8));
        _arena.Write("test.csv", Battles.Test(4));

        var answers = await Task.WhenAll(
            _arena.AskProgramAsync("import", "train.csv", "--competition", "Arena"),
            _arena.AskProgramAsync("import", "test.csv", "--competition", "arena"));

        Assert.Equal(2, answers.Length);
        var listed = (await _arena.AskAsync("competitions"))["competitions"]!.AsArray().Single()!;
        Assert.Equal(["test", "train"], listed["files"]!.AsArray().Select(file => (string?)file!["role"]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task ADamagedFolder_IsNamed_AndTheRestWorks()
    {
        _arena.Write("train.csv", Battles.Train(8));
        await _arena.AskAsync("import", _arena.At("train.csv"), "--competition", "Arena");
        await _arena.AskAsync("import", _arena.At("train.csv"), "--competition", "Broken");
        var folders = Directory.EnumerateDirectories(Path.Join(_arena.Store, "competitions")).Order(StringComparer.Ordinal).ToList();
        var path = Path.Join(folders[1], "competition.json");
        using (var file = File.Create(path)) file.Write("{]"u8);

        var listed = await _arena.RunAsync("competitions", "--json");
        var board = await _arena.RunAsync("board", "Arena", "--json");

        Assert.Equal((0, 0), (listed.ExitCode, board.ExitCode));
        Assert.Equal("Arena", (string?)Assert.Single(listed.Document()["competitions"]!.AsArray())!["name"]);
        Assert.Contains(path, listed.Errors, StringComparison.Ordinal);
        Assert.Contains("is damaged", listed.Errors, StringComparison.Ordinal);
    }
}

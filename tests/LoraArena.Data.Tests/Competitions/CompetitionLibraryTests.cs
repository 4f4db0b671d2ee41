using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Baselines;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;
using Microsoft.Extensions.Time.Testing;

namespace LoraArena.Data.Tests.Competitions;

public sealed class CompetitionLibraryTests : IDisposable
{
    private const string Train = "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n";
    private const string Test = "id,prompt,response_a,response_b\n";

    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-01T12:00:00Z", System.Globalization.CultureInfo.InvariantCulture));
    private readonly ArenaFolder _arena;
    private readonly CompetitionLibrary _library;

    public CompetitionLibraryTests()
    {
        _arena = new ArenaFolder(_folder.At("arena"));
        _library = new CompetitionLibrary(_arena, _time);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Create_MakesACompetitionThatIsFoundByNameInAnyCaseAndById()
    {
        var made = await _library.CreateAsync("  Arena 模型 2026 ", Cancellation);
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = await _library.CreateAsync("Second", Cancellation);
        Assert.Equal("Arena 模型 2026", made.Name);
        Assert.Equal(made.Id, _library.Find("arena 模型 2026")!.Id);
        Assert.Equal(made.Id, _library.Find(made.Id)!.Id);
        Assert.Equal([made.Id, second.Id], new CompetitionLibrary(_arena, _time).List().Select(c => c.Id));
        Assert.Null(_library.Find("third"));
        Assert.Null(_library.Find("../competitions"));
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("a\nb")]
    [InlineData("a\u0000b")]
    [InlineData("a\u200bb")]
    [InlineData("a\u202eb")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901")]
    public async Task Create_RefusesNamesThatCannotBeShown(string name)
        => await Assert.ThrowsAsync<CompetitionException>(() => _library.CreateAsync(name, Cancellation));

    [Fact]
    public async Task Create_GivesANameOnceAlsoToManyAtOnce()
    {
        var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(
            async () =>
            {
                try
                {
                    await new CompetitionLibrary(_arena, _time).CreateAsync(i % 2 == 0 ? "Same" : "SAME", Cancellation);
                    return 1;
                }
                catch (CompetitionException error)
                {
                    Assert.Contains("already", error.Message, StringComparison.Ordinal);
                    return 0;
                }
            },
            Cancellation)));
        Assert.Equal(1, tries.Sum());
        Assert.Single(_library.List());
    }

    [Fact]
    public async Task Import_KeepsTheFileAsItCameAndReportsOnIt()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var text = Train
            + "1,m,n,\"[\"\"p\"\"]\",\"[\"\"aaaa\"\"]\",\"[\"\"bb\"\"]\",1,0,0\n"
            + "2,m,n,\"[\"\"q\"\",\"\"r\"\"]\",\"[\"\"a\"\",null]\",\"[\"\"bbb\"\",\"\"ccc\"\"]\",0,0,1\n"
            + "3,m,n,oops,oops,oops,1,0,0\n"
            + "1,m,n,[null],[null],[null],0,1,0\n";
        var report = await ImportAsync(competition.Id, text, "C:\\data\\my train.csv");
        var sha = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        Assert.Equal((FileRole.Train, "my train.csv", sha, Encoding.UTF8.GetByteCount(text)), (report.Role, report.FileName, report.Sha256, report.Bytes));
        Assert.Equal((4, 2, 0, 2), (report.Rows, report.Accepted, report.Repaired, report.Rejected));
        Assert.Equal([(4L, "prompt", "3"), (5L, "id", "1")], report.Rejections.Select(r => (r.Line, r.Column!, r.Id!)));
        Assert.Equal(new Dictionary<string, int> { ["model_a"] = 1, ["tie"] = 1 }, report.Statistics!.Labels);
        Assert.Equal((1, 1, 3.0), (report.Statistics.SeveralTurns, report.Statistics.NullTurns, report.Statistics.MedianAnswerCharacters));
        Assert.Equal(text, File.ReadAllText(Path.Join(_arena.Dataset(sha), "source.csv")));

        var stored = _library.ReadReport(sha, FileRole.Train);
        Assert.Equal(report.Rejections, stored.Rejections);
        Assert.Equal(report.Statistics.Labels, stored.Statistics!.Labels);
        Assert.Equal(["1", "2"], _library.ReadBattles(sha, FileRole.Train, Cancellation).Select(b => b.Id));
        var file = Assert.Single(_library.Get(competition.Id).Files);
        Assert.Equal(new CompetitionFile(FileRole.Train, "my train.csv", sha, _time.GetUtcNow(), 2, 2), file);
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Fact]
    public async Task Import_OfTrainingDataMakesTheDefaultSplitAndTheBaselines()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportStarterAsync(competition.Id, "train.csv");
        Assert.Equal(0, report.Rejected);
        competition = _library.Get(competition.Id);
        var split = _library.ReadSplit(competition.Id, competition.DefaultSplit!);
        Assert.Equal(("hold-out 20 %", SplitKind.HoldOut), (split.Name, split.Kind));
        Assert.Equal(split.Id, Assert.Single(_library.ListSplits(competition.Id)).Id);
        var scores = Path.Join(_arena.Competition(competition.Id), "baselines", split.Id, "scores.json");
        var written = File.GetLastWriteTimeUtc(scores);
        var results = _library.EvaluateBaselines(competition.Id, split.Id, cancellation: Cancellation);
        Assert.Equal(BaselineCatalog.All.Select(b => b.Id), results.Select(r => r.Id));
        Assert.Equal(Math.Log(3), results[0].Scores.LogLoss, 1e-12);
        Assert.All(results, result => Assert.Equal(split.Validation!.Count, result.Scores.Rows));
        Assert.Equal(written, File.GetLastWriteTimeUtc(scores));

        // What can be worked out again stops nobody where it is damaged.
        AtomicFile.WriteText(scores, "{");
        Assert.Equal(results.Select(r => r.Scores), _library.EvaluateBaselines(competition.Id, split.Id, cancellation: Cancellation).Select(r => r.Scores));
        foreach (var summary in Directory.EnumerateFiles(_arena.Competition(competition.Id), "*.summary.json", SearchOption.AllDirectories))
        {
            AtomicFile.WriteText(summary, "{");
        }

        Assert.Equal(split.Id, Assert.Single(_library.ListSplits(competition.Id)).Id);

        var predictions = _library.ReadBaseline(competition.Id, split.Id, null, "length").ToList();
        Assert.Equal(split.Validation, predictions.Select(p => p.Id));
        Assert.Equal(results[2].Scores, Core.Metrics.Scores.Of(predictions));
        var groups = _library.ReadBattles(report.Sha256, FileRole.Train, Cancellation).ToDictionary(b => b.Id, PromptGroup.Key);
        Assert.All(predictions, p => Assert.Equal(groups[p.Id], p.Group));
        Assert.Throws<CompetitionException>(() => _library.ReadBaseline(competition.Id, split.Id, null, "../length"));
    }

    [Fact]
    public async Task Baselines_AreScoredOnEachFoldAndAgainWhenTheTrainingDataChanges()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportStarterAsync(competition.Id, "train.csv");
        var sha = _library.Get(competition.Id).File(FileRole.Train)!.Sha256;
        var split = _library.AddSplit(competition.Id, GroupedStratified.Folds([.. _library.ReadBattles(sha, FileRole.Train, Cancellation)], 3));
        Assert.Throws<SplitException>(() => _library.EvaluateBaselines(competition.Id, split.Id, null, Cancellation));
        var first = _library.EvaluateBaselines(competition.Id, split.Id, 0, Cancellation);
        var second = _library.EvaluateBaselines(competition.Id, split.Id, 1, Cancellation);
        Assert.NotEqual(first[1].Scores.LogLoss, second[1].Scores.LogLoss);
        Assert.True(File.Exists(Path.Join(_arena.Competition(competition.Id), "baselines", split.Id + ".fold-1", "length.csv")));

        // The same ids with other labels: the split stays, its scores do not.
        var source = await File.ReadAllTextAsync(Path.Join(_arena.Dataset(sha), "source.csv"), Cancellation);
        await ImportAsync(competition.Id, source.Replace(",1,0,0\n", ",0,0,1\n", StringComparison.Ordinal), "train.csv", replace: true);
        Assert.NotEqual(first[1].Scores.LogLoss, _library.EvaluateBaselines(competition.Id, split.Id, 0, Cancellation)[1].Scores.LogLoss);
    }

    [Fact]
    public async Task BaselinesOfASplitOfEarlierData_AreThoseThatThereAre_AndNoFileIsReadForThem()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportStarterAsync(competition.Id, "train.csv");
        var before = _library.Get(competition.Id);
        var stored = _library.EvaluateBaselines(competition.Id, before.DefaultSplit!, cancellation: Cancellation);
        var source = await File.ReadAllLinesAsync(Path.Join(_arena.Dataset(before.File(FileRole.Train)!.Sha256), "source.csv"), Cancellation);
        await ImportAsync(competition.Id, string.Join('\n', source.Select((line, i) => i == 0 ? line : "x" + line)) + "\n", "other.csv", replace: true);

        Assert.Equal(stored, _library.EvaluateBaselines(competition.Id, before.DefaultSplit!, cancellation: Cancellation));
        foreach (var file in Directory.EnumerateFiles(_arena.Datasets, "source.csv", SearchOption.AllDirectories)) File.Delete(file);
        var afterARestart = new CompetitionLibrary(_arena, _time);
        Assert.Equal(stored, afterARestart.EvaluateBaselines(competition.Id, before.DefaultSplit!, cancellation: Cancellation));
    }

    [Fact]
    public async Task ASplitWhoseRowsAreInNoFile_IsRefusedAtEachLookAtItsBoard_ButLookedForOnce()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportStarterAsync(competition.Id, "train.csv");
        var split = _library.AddSplit(competition.Id, new Split("gone", SplitKind.File, null, ["no such row"], ["nor this"], null));
        var reader = new BoardReader(_arena, _library);
        var query = new BoardQuery { Split = split.Id };
        var first = Assert.Throws<SplitException>(() => reader.Read(_library.Get(competition.Id), query, _ => [], null, null, Cancellation));
        foreach (var file in Directory.EnumerateFiles(_arena.Datasets, "source.csv", SearchOption.AllDirectories)) File.Delete(file);
        var again = Assert.Throws<SplitException>(() => reader.Read(_library.Get(competition.Id), query, _ => [], null, null, Cancellation));
        Assert.Equal(first.Message, again.Message);
    }

    [Fact]
    public async Task Import_OfTheSameBytesGivesTheSameDataSetWithoutASecondCopy()
    {
        var one = await _library.CreateAsync("one", Cancellation);
        var other = await _library.CreateAsync("other", Cancellation);
        var first = await ImportAsync(one.Id, Rows(Train, 30), "a.csv");
        var written = File.GetLastWriteTimeUtc(Path.Join(_arena.Dataset(first.Sha256), "source.csv"));
        var again = await ImportAsync(one.Id, Rows(Train, 30), "a.csv");
        var elsewhere = await ImportAsync(other.Id, Rows(Train, 30), "b.csv");
        Assert.Equal(first.Sha256, again.Sha256);
        Assert.Equal(("b.csv", first.Sha256, 30), (elsewhere.FileName, elsewhere.Sha256, elsewhere.Accepted));
        Assert.Single(Directory.GetDirectories(_arena.Datasets));
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Join(_arena.Dataset(first.Sha256), "source.csv")));
        Assert.Single(_library.Get(one.Id).Files);
        Assert.Equal(_library.Get(one.Id).DefaultSplit, _library.Get(other.Id).DefaultSplit);
    }

    [Fact]
    public async Task Import_OfTrainingDataAsTestDataKeepsAReportForEachRole()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var text = Rows(Train, 10) + "99,m,n,\"[\"\"x\"\"]\",[null],[null],1,1,0\n";
        var train = await ImportAsync(competition.Id, text, "train.csv");
        var test = await ImportAsync(competition.Id, text, "train.csv", FileRole.Test);
        Assert.Equal((10, 11), (train.Accepted, test.Accepted));
        Assert.Equal(10, _library.ReadReport(train.Sha256, FileRole.Train).Accepted);
        Assert.Equal(11, _library.ReadReport(train.Sha256, FileRole.Test).Accepted);
        Assert.All(_library.ReadBattles(test.Sha256, FileRole.Test, Cancellation), b => Assert.Null(b.Winner));
        Assert.Contains("10 ids of train.csv are in test.csv too", Assert.Single(test.Notes!), StringComparison.Ordinal);
        Assert.Throws<CompetitionException>(() => _library.ListRows(test.Sha256, FileRole.Sample));
    }

    [Fact]
    public async Task Import_OfANewerFileOfARoleReplacesTheOlder()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportAsync(competition.Id, Rows(Train, 10), "old.csv");
        await ImportAsync(competition.Id, Rows(Test, 5), "test.csv");
        var oldSplit = _library.Get(competition.Id).DefaultSplit;
        var newer = await ImportAsync(competition.Id, Rows(Train, 12), "new.csv", replace: true);
        competition = _library.Get(competition.Id);
        Assert.Equal([(FileRole.Train, "new.csv"), (FileRole.Test, "test.csv")], competition.Files.Select(f => (f.Role, f.Name)));
        Assert.Equal(newer.Sha256, competition.File(FileRole.Train)!.Sha256);
        Assert.NotEqual(oldSplit, competition.DefaultSplit);
        Assert.Equal(2, _library.ListSplits(competition.Id).Count);
    }

    [Fact]
    public async Task Import_OfASampleComparesItsIdsWithTheTestData()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportAsync(competition.Id, Rows(Test, 4), "test.csv");
        const string Header = "id,winner_model_a,winner_model_b,winner_tie\n";
        var other = await ImportAsync(competition.Id, Header + "3,0,0,1\n2,0,0,1\n7,0,0,1\n", "sample.csv");
        Assert.Equal(2, other.Notes!.Count);
        Assert.Equal("1 id of the sample submission is not in test.csv: a submission cannot be complete (7).", other.Notes[0]);
        Assert.Equal("2 ids of test.csv are not in the sample submission: submissions leave them out (0, 1).", other.Notes[1]);
        var turned = await ImportAsync(competition.Id, Header + "3,0,0,1\n2,0,0,1\n1,0,0,1\n0,0,0,1\n", "sample.csv", replace: true);
        Assert.Contains("another order", Assert.Single(turned.Notes!), StringComparison.Ordinal);
        Assert.Equal(["3", "2", "1", "0"], _library.ListRows(turned.Sha256, FileRole.Sample).Select(row => row.Id));
        Assert.Empty((await ImportAsync(competition.Id, Header + "0,0,0,1\n1,0,0,1\n2,0,0,1\n3,0,0,1\n", "sample.csv", replace: true)).Notes!);
        Assert.Throws<ArgumentException>(() => _library.ReadBattles(turned.Sha256, FileRole.Sample, Cancellation));
    }

    [Fact]
    public async Task Import_CountsAllRejectionsAndListsTheFirstHundred()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, Rows(Test, 1) + string.Concat(Enumerable.Range(1, 250).Select(i => $"{i},x,y,z\n")), "t.csv");
        Assert.Equal((1, 250, 100), (report.Accepted, report.Rejected, report.Rejections.Count));
        Assert.Equal(102, report.Rejections[^1].Line);
    }

    [Theory]
    [InlineData("id,text\n1,a\n", "neither train data")]
    [InlineData(Test + "1,x,y,z\n", "none of the rows can be used; the first: prompt: not a list of turns")]
    [InlineData(Test, "no rows")]
    [InlineData("", "the file is empty")]
    [InlineData(Test + "1,\"x,[null],[null]\n", "never closed")]
    public async Task Import_OfAFileThatCannotBeUsedLeavesNothingBehind(string text, string reason)
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var before = Tree();
        var refusal = await Assert.ThrowsAsync<CsvRefusedException>(() => ImportAsync(competition.Id, text, "bad.csv"));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.StartsWith("bad.csv", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(before, Tree());
    }

    [Fact]
    public async Task Import_RefusesAnUploadOfOneByteMoreThanAllowedAndLeavesNothingBehind()
    {
        var text = Rows(Test, 10);
        var competition = await _library.CreateAsync("c", Cancellation);
        var before = Tree();
        var tight = new CompetitionLibrary(_arena, _time, maxUploadBytes: text.Length - 1);
        await Assert.ThrowsAsync<UploadTooLargeException>(() => tight.ImportAsync(competition.Id, Content(text), "t.csv", cancellation: Cancellation));
        Assert.Equal(before, Tree());
        var fitting = new CompetitionLibrary(_arena, _time, maxUploadBytes: text.Length);
        Assert.Equal(10, (await fitting.ImportAsync(competition.Id, Content(text), "t.csv", cancellation: Cancellation)).Accepted);
    }

    [Fact]
    public async Task Import_WhoseSenderBreaksOffLeavesNothingBehind()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var before = Tree();
        await Assert.ThrowsAsync<IOException>(() =>
            _library.ImportAsync(competition.Id, new BreakingStream(Rows(Test, 1000)), "t.csv", cancellation: Cancellation));
        Assert.Equal(before, Tree());
    }

    [Theory]
    [InlineData(ImportStage.Receiving)]
    [InlineData(ImportStage.Reading)]
    [InlineData(ImportStage.Preparing)]
    public async Task Import_ThatIsCancelledChangesNoCompetitionAndCanBeRepeated(ImportStage stage)
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var progress = new Handler(p =>
        {
            if (p.Stage == stage) stop.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            _library.ImportAsync(competition.Id, Content(Rows(Train, 3000)), "t.csv", progress: progress, cancellation: stop.Token));
        Assert.Empty(_library.Get(competition.Id).Files);
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
        Assert.Equal(3000, (await ImportAsync(competition.Id, Rows(Train, 3000), "t.csv")).Accepted);
    }

    [Theory]
    [InlineData(ImportStage.Reading)]
    [InlineData(ImportStage.Preparing)]
    public async Task Import_IntoANewCompetitionThatIsCutOffLeavesNoEmptyOneBehind(ImportStage stage)
    {
        var seen = new List<string>();
        var progress = new Handler(p =>
        {
            if (p.Stage != stage) return;

            // What would be there if the process ended here, which cleans nothing up.
            seen.AddRange(_library.List().Select(c => c.Name));
            throw new IOException("the disk is full");
        });
        await Assert.ThrowsAsync<IOException>(() =>
            _library.ImportAsNamedAsync("new", Content(Rows(Train, 3000)), "t.csv", progress: progress, cancellation: Cancellation));
        Assert.Empty(seen);
        Assert.Empty(_library.List());
        Assert.Empty(Directory.GetDirectories(_arena.Competitions));
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));

        var (made, report) = await _library.ImportAsNamedAsync(" new ", Content(Rows(Train, 3000)), "t.csv", cancellation: Cancellation);
        Assert.Equal(("new", 3000, report.Sha256), (made.Name, report.Accepted, Assert.Single(_library.Get(made.Id).Files).Sha256));
        Assert.Equal(made.DefaultSplit, Assert.Single(_library.ListSplits(made.Id)).Id);
        Assert.True(File.Exists(Path.Join(_arena.Competition(made.Id), "baselines", made.DefaultSplit, "scores.json")));
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Fact]
    public async Task ImportsIntoOneNewCompetitionAtOnce_MakeItOnce()
    {
        string[] files = [Rows(Train, 40), Rows(Test, 40), "id,winner_model_a,winner_model_b,winner_tie\n0,0,0,1\n"];
        await Task.WhenAll(files.Concat(files).Select(text =>
            Task.Run(() => new CompetitionLibrary(_arena, _time).ImportAsNamedAsync("new", Content(text), "f.csv", cancellation: Cancellation), Cancellation)));
        Assert.Equal([FileRole.Train, FileRole.Test, FileRole.Sample], Assert.Single(_library.List()).Files.Select(f => f.Role));
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Fact]
    public void TheSweep_GoesOnAfterWhatCannotBeDeleted_AndNamesIt()
    {
        foreach (var name in new[] { "a", "b", "c" }) Directory.CreateDirectory(Path.Join(_arena.Uploads, name));
        _time.SetUtcNow(TimeProvider.System.GetUtcNow().AddDays(2));
        var left = _library.SweepUploads(entry =>
        {
            if (entry.Name == "b") throw new UnauthorizedAccessException("Access is denied.");
            ((DirectoryInfo)entry).Delete(recursive: true);
        });
        Assert.EndsWith("b, left by an interrupted upload, cannot be deleted: Access is denied.", Assert.Single(left), StringComparison.Ordinal);
        Assert.Equal(["b"], Directory.GetFileSystemEntries(_arena.Uploads).Select(Path.GetFileName));
        Assert.Empty(_library.SweepUploads());
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Fact]
    public async Task Import_TellsHowFarItIsInOrder()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var seen = new List<ImportProgress>();
        var report = await _library.ImportAsync(
            competition.Id, Content(Rows(Train, 1200)), "t.csv", progress: new Handler(seen.Add), cancellation: Cancellation);
        Assert.Equal(seen.OrderBy(p => p.Stage).ThenBy(p => p.Rows).ThenBy(p => p.Bytes), seen);
        Assert.Contains(seen, p => p.Stage == ImportStage.Receiving && p.Bytes == report.Bytes);
        Assert.Contains(seen, p => p.Stage == ImportStage.Reading && p.Rows == 1000);
        Assert.Contains(seen, p => p.Stage == ImportStage.Preparing && p.Rows == 1200);
    }

    [Fact]
    public async Task ImportsAtOnce_LoseNothingOfOneAnother()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        string[] files = [Rows(Train, 40), Rows(Test, 40), "id,winner_model_a,winner_model_b,winner_tie\n0,0,0,1\n"];
        for (var round = 0; round < 3; round++)
        {
            await Task.WhenAll(files.Concat(files).Select(text =>
                Task.Run(() => new CompetitionLibrary(_arena, _time).ImportAsync(
                    competition.Id, Content(text), "f.csv", cancellation: Cancellation), Cancellation)));
            Assert.Equal([FileRole.Train, FileRole.Test, FileRole.Sample], _library.Get(competition.Id).Files.Select(f => f.Role));
        }

        Assert.Equal(3, Directory.GetDirectories(_arena.Datasets).Length);
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Fact]
    public async Task Import_WaitsForTheLockOfAnotherProcess()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        Task<ImportReport> import;
        using (new FileStream(Path.Join(_arena.Competition(competition.Id), "competition.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            import = ImportAsync(competition.Id, Rows(Test, 3), "t.csv");
            await Task.Delay(200, Cancellation);
            Assert.False(import.IsCompleted);
            Assert.Empty(_library.Get(competition.Id).Files);
        }

        Assert.Equal(3, (await import).Accepted);
        Assert.Single(_library.Get(competition.Id).Files);
    }

    [Fact]
    public async Task Import_OfOnePromptOnlyHasNoDefaultSplit()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, Train + "1,m,n,[null],[null],[null],1,0,0\n2,m,n,[null],[null],[null],0,1,0\n", "t.csv");
        Assert.Equal(2, report.Accepted);
        Assert.Null(_library.Get(competition.Id).DefaultSplit);
    }

    [Fact]
    public async Task Splits_AreReadBackAndRefusedWhenTheyWereChanged()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var split = new Split("mine", SplitKind.File, null, ["1", "2"], ["3"], null);
        Assert.Equal(split.Id, _library.AddSplit(competition.Id, split).Id);
        _library.AddSplit(competition.Id, split);
        Assert.Equal(split.Id, Assert.Single(_library.ListSplits(competition.Id)).Id);
        Assert.Throws<SplitException>(() => _library.AddSplit(competition.Id, split with { Validation = [] }));
        Assert.Throws<CompetitionException>(() => _library.ReadSplit(competition.Id, "0123456789abcdef"));
        Assert.Throws<CompetitionException>(() => _library.ReadSplit(competition.Id, "../../../competition"));

        var path = Path.Join(_arena.Competition(competition.Id), "splits", split.Id + ".json");
        AtomicFile.WriteJson(path, split with { Validation = ["4"] });
        Assert.Contains(
            "has been changed", Assert.Throws<JsonFileException>(() => _library.ReadSplit(competition.Id, split.Id)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("")]
    [InlineData("00000000000000000000000000")]
    public async Task AnUnknownCompetition_IsRefusedEverywhere(string id)
    {
        Assert.Throws<CompetitionException>(() => _library.Get(id));
        Assert.Throws<CompetitionException>(() => _library.ListSplits(id));
        Assert.Throws<CompetitionException>(() => _library.CheckFiles(id));
        Assert.Throws<CompetitionException>(() => _library.EvaluateBaselines(id, "0123456789abcdef", cancellation: Cancellation));
        await Assert.ThrowsAsync<CompetitionException>(() => ImportAsync(id, Rows(Test, 1), "t.csv"));
    }

    [Fact]
    public void SweepUploads_DeletesWhatIsOlderThanADay()
    {
        foreach (var (name, hours) in new[] { ("old", 25), ("new", 23) })
        {
            var at = _time.GetUtcNow().UtcDateTime.AddHours(-hours);
            File.Create(Path.Join(_arena.Uploads, name + ".part")).Dispose();
            File.SetLastWriteTimeUtc(Path.Join(_arena.Uploads, name + ".part"), at);
            File.Create(Path.Join(Directory.CreateDirectory(Path.Join(_arena.Uploads, name)).FullName, "source.csv")).Dispose();
            Directory.SetLastWriteTimeUtc(Path.Join(_arena.Uploads, name), at);
        }

        _library.SweepUploads();
        Assert.Equal(["new", "new.part"], Directory.GetFileSystemEntries(_arena.Uploads).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Import_TakesTheRealFiles()
    {
        var competition = await _library.CreateAsync("real", Cancellation);
        foreach (var name in new[] { "train.csv", "test.csv", "sample_submission.csv" })
        {
            await using var file = File.OpenRead(Places.Shared($"data/preferences/{name}"));
            var report = await _library.ImportAsync(competition.Id, file, name, cancellation: Cancellation);
            Assert.Equal((0, file.Length), (report.Rejected, report.Bytes));
            Assert.Empty(report.Notes!);
        }

        Assert.NotNull(_library.Get(competition.Id).DefaultSplit);
    }

    private Task<ImportReport> ImportAsync(string competition, string text, string name, FileRole? role = null, bool replace = false)
        => _library.ImportAsync(competition, Content(text), name, role, replace, cancellation: Cancellation);

    private async Task<ImportReport> ImportStarterAsync(string competition, string name)
    {
        await using var file = File.OpenRead(Path.Join(Places.Repository, "data", "competitions", "starter", name));
        return await _library.ImportAsync(competition, file, name, cancellation: Cancellation);
    }

    private List<string> Tree() => [.. Directory.GetFileSystemEntries(_arena.Root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static MemoryStream Content(string text) => new(Encoding.UTF8.GetBytes(text));

    private static string Rows(string header, int count) => header + string.Concat(Enumerable.Range(0, count).Select(i => header == Test
        ? $"{i},\"[\"\"p{i}\"\"]\",[null],[null]\n"
        : $"{i},m,n,\"[\"\"p{i}\"\"]\",\"[\"\"{new string('a', i % 7)}\"\"]\",[null],{(i % 3 == 0 ? "1,0,0" : i % 3 == 1 ? "0,1,0" : "0,0,1")}\n"));

    /// <summary>Progress that is told at once, on the thread that reports it.</summary>
    private sealed class Handler(Action<ImportProgress> handle) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => handle(value);
    }

    /// <summary>A connection that is cut at half of its bytes.</summary>
    private sealed class BreakingStream(string text) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position >= Length / 2) throw new IOException("connection reset");
            return await base.ReadAsync(buffer[..Math.Min(buffer.Length, 1000)], cancellationToken);
        }
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;
using Microsoft.Extensions.Time.Testing;

namespace LoraArena.Data.Tests.Competitions;

/// <summary>The files of a competition over time: what takes the place of what, what is said about them, and what is read again.</summary>
public sealed class CompetitionFilesTests : IDisposable
{
    private const string Train = "id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n";
    private const string Test = "id,prompt,response_a,response_b\n";
    private const string Sample = "id,winner_model_a,winner_model_b,winner_tie\n";

    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-01T12:00:00Z", CultureInfo.InvariantCulture));
    private readonly ArenaFolder _arena;
    private readonly CompetitionLibrary _library;

    public CompetitionFilesTests()
    {
        _arena = new ArenaFolder(_folder.At("arena"));
        _library = new CompetitionLibrary(_arena, _time);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task AFileThatIsThere_IsReplacedOnlyWhenAskedToAndWithWhatDependsOnItNamed()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var first = await ImportAsync(competition.Id, TrainRows(10), "first.csv");
        AddRun(competition, "one", first.Sha256, null);
        AddRun(competition, "two", first.Sha256, null);
        AddRun(await _library.CreateAsync("other", Cancellation), "elsewhere", first.Sha256, null);
        Directory.CreateDirectory(Path.Join(_arena.Runs, ArenaId.New(_time)));

        var refusal = await Assert.ThrowsAsync<FileInPlaceException>(() => ImportAsync(competition.Id, TrainRows(11), "second.csv"));

        Assert.StartsWith(
            "second.csv: competition 'c' has training data already (first.csv, 10 rows, imported 2026-03-01): 2 runs were scored on it (one, two);",
            refusal.Message,
            StringComparison.Ordinal);
        Assert.Equal(["one", "two"], refusal.Runs);
        Assert.Equal(first.Sha256, Assert.Single(_library.Get(competition.Id).Files).Sha256);
        Assert.Empty(_library.Get(competition.Id).Earlier);
        Assert.Single(Directory.GetDirectories(_arena.Datasets));
        Assert.Empty(Directory.GetFileSystemEntries(_arena.Uploads));
    }

    [Fact]
    public async Task AFileThatIsReplaced_StaysInTheListOfEarlierOnes()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var first = await ImportAsync(competition.Id, TestRows(3), "first.csv");
        _time.Advance(TimeSpan.FromHours(1));
        var second = await ImportAsync(competition.Id, TestRows(4), "second.csv", replace: true);
        _time.Advance(TimeSpan.FromHours(1));
        await ImportAsync(competition.Id, TestRows(4), "same.csv", replace: true);
        await ImportAsync(competition.Id, TestRows(3), "first.csv", replace: true);

        var read = new CompetitionLibrary(_arena, _time).Get(competition.Id);
        Assert.Equal(first.Sha256, read.File(FileRole.Test)!.Sha256);
        Assert.Equal([(first.Sha256, 13), (second.Sha256, 14)], read.Earlier.Select(earlier => (earlier.File.Sha256, earlier.Replaced.Hour)));
        Assert.Equal(4, _library.ReadBattles(second.Sha256, FileRole.Test, Cancellation).Count());
    }

    [Fact]
    public async Task TheSameBytesAgain_NeedNoLeave()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportAsync(competition.Id, TestRows(3), "first.csv");
        await ImportAsync(competition.Id, TestRows(3), "again.csv");
        Assert.Equal("again.csv", Assert.Single(_library.Get(competition.Id).Files).Name);
        Assert.Empty(_library.Get(competition.Id).Earlier);
    }

    [Theory]
    [InlineData(FileRole.Test, "3 rows, imported 2026-03-01): 1 run was made for it (the run)")]
    [InlineData(FileRole.Sample, "3 rows, imported 2026-03-01): the submission of 1 run follows it (the run)")]
    public async Task OtherRoles_NameWhatDependsOnThemToo(FileRole role, string dependents)
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var test = await ImportAsync(competition.Id, TestRows(3), "test.csv");
        await ImportAsync(competition.Id, SampleRows(3), "sample.csv");
        AddRun(competition, "the run", new string('0', 64), test.Sha256);
        var refusal = await Assert.ThrowsAsync<FileInPlaceException>(() =>
            ImportAsync(competition.Id, role == FileRole.Test ? TestRows(5) : SampleRows(5), "new.csv"));
        Assert.Contains(dependents, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADamagedTrainFile_ReplacesNothing()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportAsync(competition.Id, TestRows(3), "test.csv");
        foreach (var header in new[] { Train.Replace("tie\n", "tie\u00a0\n", StringComparison.Ordinal), Test.TrimEnd() + ",winner\n" })
        {
            await Assert.ThrowsAsync<CsvRefusedException>(() =>
                ImportAsync(competition.Id, header + "1,[null],[null],[null],0,0,1\n", "train.csv", replace: true));
        }

        Assert.Equal((FileRole.Test, 3), (Assert.Single(_library.Get(competition.Id).Files).Role, _library.Get(competition.Id).Files[0].Rows));
    }

    [Fact]
    public async Task AFileThatIsRefused_LeavesNoEmptyCompetitionBehind()
    {
        await Assert.ThrowsAsync<CsvRefusedException>(() => ImportAsNamedAsync("new", Test + "1,oops,oops,oops\n"));
        await Assert.ThrowsAsync<CompetitionException>(() => ImportAsNamedAsync("a\nb", TestRows(1)));
        Assert.Empty(_library.List());
        var (made, report) = await ImportAsNamedAsync(" New ", TestRows(2));
        Assert.Equal(("New", 2), (made.Name, report.Accepted));
        var (again, _) = await ImportAsNamedAsync("NEW", SampleRows(2));
        Assert.Equal(made.Id, again.Id);
        Assert.Equal([FileRole.Test, FileRole.Sample], Assert.Single(_library.List()).Files.Select(file => file.Role));
    }

    [Fact]
    public async Task RowsThatWereRepaired_AreCountedAndListedAndRead()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, TestRows(2) + "8,\"[\"\"p\"\"]\",\"[\"\"a\"\",\"\"b\"\"]\",[]\n9,[],[],[]\n", "test.csv");
        Assert.Equal((4, 4, 2, 0), (report.Rows, report.Accepted, report.Repaired, report.Rejected));
        Assert.Equal([(4L, "response_a"), (5L, "prompt")], report.Repairs.Select(repair => (repair.Line, repair.Column!)));
        Assert.Empty(report.Warnings);
        Assert.Equal(["0", "1", "8", "9"], _library.ReadBattles(report.Sha256, FileRole.Test, Cancellation).Select(battle => battle.Id));
        Assert.Equal(report.Repairs, _library.ReadReport(report.Sha256, FileRole.Test).Repairs);
    }

    [Fact]
    public async Task EveryIdOfTestDataWithACellThatCanBeRead_IsTaken_AndItIsSaidHow()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, TestRows(2) + "8,oops,[null],[null]\n9,[null],[null]\n", "test.csv");
        Assert.Equal((4, 4, 2, 0), (report.Rows, report.Accepted, report.Repaired, report.Rejected));
        Assert.Equal([(4L, "prompt"), (5L, null)], report.Repairs.Select(repair => (repair.Line, repair.Column)));
        Assert.Empty(report.Warnings);
        Assert.Equal(["0", "1", "8", "9"], _library.ReadBattles(report.Sha256, FileRole.Test, Cancellation).Select(battle => battle.Id));
    }

    [Fact]
    public async Task ARowWithNothingToRead_IsNamedByItsId_AndABlankLineIsNoRowThatIsMissing()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, TestRows(2) + "3,oops\n\n9,[null],[null],[null]\n", "test.csv");
        Assert.StartsWith("1 row cannot be predicted (id 3): no submission", Assert.Single(report.Warnings), StringComparison.Ordinal);
        Assert.Equal(["0", "1", "3", "9"], _library.ListRows(report.Sha256, FileRole.Test).Select(row => row.Id));

        var blank = await ImportAsync(competition.Id, TestRows(2) + "\n9,[null],[null],[null]\n", "test.csv", replace: true);
        Assert.Equal((3, 1), (blank.Accepted, blank.Rejected));
        Assert.Empty(blank.Warnings);
    }

    [Fact]
    public async Task RowsOfTestDataThatCannotBePredicted_AreSaidToLeaveEverySubmissionIncomplete()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(
            competition.Id, TestRows(2) + "7,oops,oops,\n,[null],[null],[null]\n0,[null],[null],[null]\n1,oops,oops,\n",
            "test.csv");
        Assert.Equal(4, report.Rejected);
        var warning = Assert.Single(report.Warnings);
        Assert.StartsWith(
            "2 rows cannot be predicted (id 7; without an id: line 5): no submission will be complete without them.", warning,
            StringComparison.Ordinal);
        Assert.Equal(["0", "1", "7"], _library.ListRows(report.Sha256, FileRole.Test).Select(row => row.Id));
        Assert.Equal([true, true, false], _library.ListRows(report.Sha256, FileRole.Test).Select(row => row.IsAccepted));
    }

    [Fact]
    public async Task TrainingDataWithoutAnOutcome_SaysSo()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, Train + "1,\"[\"\"p\"\"]\",[null],[null],1,0,0\n2,\"[\"\"q\"\"]\",[null],[null],1,0,0\n", "train.csv");
        Assert.Equal(2, report.Warnings.Count);
        Assert.StartsWith("No row is won by model_b: ", report.Warnings[0], StringComparison.Ordinal);
        Assert.StartsWith("No row is a tie: ", report.Warnings[1], StringComparison.Ordinal);
        Assert.Empty((await ImportAsync(competition.Id, TrainRows(6), "train.csv", replace: true)).Warnings);
    }

    [Fact]
    public async Task TrainingDataOfOnePrompt_SaysThatThereIsNoHoldOutAndHowToNameOne()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(
            competition.Id,
            Train + "1,\"[\"\"p\"\"]\",[null],[null],1,0,0\n2,\"[\"\" P\"\"]\",[null],[null],0,1,0\n3,\"[\"\"p\"\"]\",[null],[null],0,0,1\n",
            "train.csv");
        Assert.Null(_library.Get(competition.Id).DefaultSplit);
        Assert.Contains("no hold-out can be drawn", Assert.Single(report.Warnings), StringComparison.Ordinal);
        Assert.Contains("--split FILE", report.Warnings[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notes_AreWorkedOutAtImportAndOnlyReadAfterwards()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var test = await ImportAsync(competition.Id, TestRows(3), "test.csv");
        var sample = await ImportAsync(competition.Id, SampleRows(4), "sample.csv");
        Assert.Contains("not in test.csv", Assert.Single(sample.Notes!), StringComparison.Ordinal);
        foreach (var sha in new[] { test.Sha256, sample.Sha256 })
        {
            foreach (var path in Directory.GetFiles(_arena.Dataset(sha), "*.csv")) File.Delete(path);
        }

        Assert.Equal(sample.Notes, _library.CheckFiles(competition.Id));
    }

    [Fact]
    public async Task SplitsAndBaselines_AreListedWithoutReadingTheRows()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var train = await ImportAsync(competition.Id, TrainRows(12), "train.csv");
        var split = Assert.Single(_library.ListSplits(competition.Id));
        var whole = _library.ReadSplit(competition.Id, split.Id);
        Assert.Equal((whole.Name, whole.Train!.Count, whole.Validation!.Count), (split.Name, split.Train!.Value, split.Validation!.Value));
        File.Delete(Path.Join(_arena.Competition(competition.Id), "splits", split.Id + ".json"));
        Directory.Delete(_arena.Dataset(train.Sha256), recursive: true);
        Assert.Equal(3, _library.EvaluateBaselines(competition.Id, split.Id, cancellation: Cancellation).Count);
    }

    [Fact]
    public async Task SplitsWithWarnings_KeepThem()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var split = new Split("mine", SplitKind.File, null, ["1"], ["2"], null);
        _library.AddSplit(competition.Id, split, ["they share a prompt"]);
        _library.AddSplit(competition.Id, split);
        Assert.Equal(["they share a prompt"], Assert.Single(_library.ListSplits(competition.Id)).Warnings);
    }

    [Fact]
    public async Task ASourceThatWasChanged_IsNoticedAndMendedByImportingItAgain()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var report = await ImportAsync(competition.Id, TrainRows(12), "my train.csv");
        _library.VerifySource(report.Sha256, FileRole.Train);

        // One label, the size stays.
        var source = Path.Join(_arena.Dataset(report.Sha256), "source.csv");
        AtomicFile.WriteText(source, TrainRows(12).Replace(",1,0,0\n", ",0,0,1\n", StringComparison.Ordinal));
        var error = Assert.Throws<CompetitionException>(() => _library.VerifySource(report.Sha256, FileRole.Train));
        Assert.StartsWith("The arena's copy of my train.csv (", error.Message, StringComparison.Ordinal);
        Assert.Contains("has been changed since it was imported", error.Message, StringComparison.Ordinal);

        await ImportAsync(competition.Id, TrainRows(12), "my train.csv");
        _library.VerifySource(report.Sha256, FileRole.Train);
        Assert.Equal(TrainRows(12), await File.ReadAllTextAsync(source, Cancellation));
    }

    [Fact]
    public async Task ADataSetOfAnEarlierVersion_IsReadAgainByTheRulesOfToday()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        var text = TestRows(2) + "9,[],[],[]\n";
        var report = await ImportAsync(competition.Id, text, "test.csv");
        var folder = _arena.Dataset(report.Sha256);
        var path = Path.Join(folder, "import.test.json");
        AtomicFile.WriteJson(path, report with { Rules = 1, Accepted = 2, Repaired = 0, Repairs = [], Rejected = 1 });
        File.Delete(Path.Join(folder, "rows.test.csv"));

        Assert.Equal(["0", "1", "9"], _library.ListRows(report.Sha256, FileRole.Test).Select(row => row.Id));
        Assert.Equal(3, _library.ReadReport(report.Sha256, FileRole.Test).Accepted);
    }

    [Fact]
    public async Task Import_OfTheEdgeCasesKeepsEveryId()
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await using var file = File.OpenRead(Places.Shared("data/preferences/edge_cases_test.csv"));
        var report = await _library.ImportAsync(competition.Id, file, "edge_cases_test.csv", cancellation: Cancellation);
        Assert.Equal((16, 0, 0), (report.Accepted, report.Repaired, report.Rejected));
        Assert.Equal(16, _library.ListRows(report.Sha256, FileRole.Test).Count);
    }

    private static string TrainRows(int count)
        => Train + Lines(count, i => $"{i},\"[\"\"p{i}\"\"]\",[null],[null],{(i % 3 == 0 ? "1,0,0" : i % 3 == 1 ? "0,1,0" : "0,0,1")}");

    private static string TestRows(int count) => Test + Lines(count, i => $"{i},\"[\"\"p{i}\"\"]\",[null],[null]");

    private static string SampleRows(int count) => Sample + Lines(count, i => $"{i},0.3,0.3,0.4");

    private static string Lines(int count, Func<int, string> line) => string.Concat(Enumerable.Range(0, count).Select(i => line(i) + "\n"));

    private void AddRun(Competition competition, string name, string train, string? test)
    {
        _time.Advance(TimeSpan.FromMilliseconds(1));
        var run = _arena.Run(ArenaId.New(_time));
        Directory.CreateDirectory(run.Path);
        new RunSpec(
            run.Id,
            _time.GetUtcNow(),
            "owner",
            name,
            new CompetitionReference(competition.Id, competition.Name),
            new DataReference(train, test),
            new SplitReference("0123456789abcdef", "hold-out", null),
            new ModelReference("m", "m", "/m", ""),
            new VariantChoice("lora", new JsonObject()),
            new TrainingOptions()).Write(run.Spec);
    }

    private Task<ImportReport> ImportAsync(string competition, string text, string name, bool replace = false)
        => _library.ImportAsync(competition, new MemoryStream(Encoding.UTF8.GetBytes(text)), name, replace: replace, cancellation: Cancellation);

    private Task<(Competition Competition, ImportReport Report)> ImportAsNamedAsync(string competition, string text)
        => _library.ImportAsNamedAsync(competition, new MemoryStream(Encoding.UTF8.GetBytes(text)), "f.csv", cancellation: Cancellation);
}

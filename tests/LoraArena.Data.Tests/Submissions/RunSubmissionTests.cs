using System.Text;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Predictions;
using LoraArena.Data.Submissions;

namespace LoraArena.Data.Tests.Submissions;

/// <summary>What a run's predictions become: a complete file, or a sentence that says why there is none.</summary>
public sealed class RunSubmissionTests : IDisposable
{
    private const string Test = "id,prompt,response_a,response_b\n1,[null],[null],[null]\n2,[null],[null],[null]\n";
    private const string Sample = "id,winner_model_a,winner_model_b,winner_tie\n";

    private readonly TemporaryFolder _folder = new();
    private readonly ArenaFolder _arena;
    private readonly CompetitionLibrary _library;
    private readonly RunSubmission _submissions;
    private readonly RunFolder _run;

    public RunSubmissionTests()
    {
        _arena = new ArenaFolder(_folder.At("arena"));
        _library = new CompetitionLibrary(_arena, TimeProvider.System);
        _submissions = new RunSubmission(_library);
        _run = new RunFolder(_folder.At("run"));
        Directory.CreateDirectory(Path.GetDirectoryName(_run.TestPredictions)!);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ASubmission_IsMadeOnceAndThenRead()
    {
        var competition = await CompetitionAsync(Test, Sample + "2,0,0,1\n1,0,0,1\n");
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        Assert.Null(RunSubmission.Stored(competition, _run));
        var made = _submissions.Make(competition, _run);
        Assert.True(made.Report!.Accepted, string.Join('\n', made.Report.Errors));
        Assert.Equal(Sample + "2,0.5,0.25,0.25\n1,0.25,0.25,0.5\n", await File.ReadAllTextAsync(_run.Submission, Cancellation));

        // Reading it needs neither the data sets nor the predictions.
        Directory.Delete(_arena.Datasets, recursive: true);
        File.Delete(_run.TestPredictions);
        var stored = RunSubmission.Stored(competition, _run)!;
        Assert.Equal((2, true, (string?)null), (stored.Report!.Rows, stored.Report.Accepted, stored.Error));
        Assert.Equal(made.Report.Mean, stored.Report.Mean);
    }

    [Fact]
    public async Task ASubmission_IsMadeAgainForOtherFilesOfTheCompetition()
    {
        var competition = await CompetitionAsync(Test, null);
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        _submissions.Make(competition, _run);
        Assert.NotNull(RunSubmission.Stored(competition, _run));
        await ImportAsync(competition.Id, Sample + "2,0,0,1\n1,0,0,1\n", "sample.csv");
        Assert.Null(RunSubmission.Stored(_library.Get(competition.Id), _run));
    }

    // The ids are the same, so nothing in the file itself would show it.
    [Fact]
    public async Task PredictionsOfAnotherTestFile_AreNoSubmission_EvenWhereTheIdsFit()
    {
        var competition = await CompetitionAsync(Test, null);
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        new RunSpec(
            _run.Id, DateTimeOffset.UnixEpoch, "owner", "run", new CompetitionReference(competition.Id, competition.Name),
            new DataReference("t", competition.File(FileRole.Test)!.Sha256), new SplitReference("0123456789abcdef", "hold-out", null),
            new ModelReference("m", "m", "/m", ""), new VariantChoice("lora", []), new TrainingOptions()).Write(_run.Spec);
        Assert.True(_submissions.Make(competition, _run).Report!.Accepted);

        await _library.ImportAsync(
            competition.Id, new MemoryStream(Encoding.UTF8.GetBytes(Test.Replace("[null]\n2", "[\"\"other\"\"]\n2", StringComparison.Ordinal))), "test.csv",
            replace: true, cancellation: Cancellation);
        var made = _submissions.Make(_library.Get(competition.Id), _run);
        Assert.Null(made.Report);
        Assert.Contains("predicted another test.csv", made.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_run.Submission));
    }

    [Fact]
    public async Task WithoutASample_TheIdsAreThoseOfTheFileAndNotThoseThatWereAccepted()
    {
        var competition = await CompetitionAsync(Test + "3,oops,oops,oops\n", null);
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        var made = _submissions.Make(competition, _run);
        Assert.Equal(
            "1 row of test.csv has no prediction: 3. Row '3' of test.csv (line 4) could not be read: prompt: not a list of turns: at character 1 'o' stands "
            + "where '[', the start of a list of turns was expected; nor can the other texts of the row be read. "
            + "No submission is complete without it: mend the file, import it and predict again.",
            made.Error);
        Assert.False(File.Exists(_run.Submission));

        var path = _folder.Write("s.csv", Sample + "1,0.2,0.3,0.5\n2,0.2,0.3,0.5\n");
        Assert.Contains("1 id is missing ('3').", _submissions.Check(competition, path).Errors);
    }

    [Fact]
    public async Task EveryRepairedRow_IsSubmitted()
    {
        var competition = await CompetitionAsync(Test + "3,\"[\"\"p\"\"]\",[],\"[\"\"a\"\",\"\"b\"\"]\"\n", null);
        Predict([.. _library.ReadBattles(competition.File(FileRole.Test)!.Sha256, FileRole.Test, Cancellation).Select(battle => (battle.Id, 0.25, 0.25))]);
        var made = _submissions.Make(competition, _run);
        Assert.Null(made.Error);
        Assert.Equal((3, true), (made.Report!.Rows, made.Report.Accepted));
    }

    [Fact]
    public async Task ASampleOfAnotherTest_SaysSoOnceAndLetsAFileBeMadeOnPurpose()
    {
        var competition = await CompetitionAsync(Test, Sample + "136060,0,0,1\n211333,0,0,1\n2,0,0,1\n");
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        var made = _submissions.Make(competition, _run);
        Assert.True(made.IsMisfit);
        Assert.StartsWith(
            "The sample submission (sample.csv) does not fit test.csv: 2 of its 3 ids are not in test.csv (136060, 211333), and 1 of test.csv's 2 ids is not in it.",
            made.Error,
            StringComparison.Ordinal);

        var wanted = _submissions.Make(competition, _run, ignoreSample: true);
        Assert.True(wanted.Report!.Accepted, string.Join('\n', wanted.Report.Errors));
        Assert.True(RunSubmission.Stored(competition, _run)!.IgnoresSample);
        Assert.Equal(Sample + "1,0.25,0.25,0.5\n2,0.5,0.25,0.25\n", await File.ReadAllTextAsync(_run.Submission, Cancellation));

        var report = _submissions.Check(competition, _run.Submission);
        Assert.False(report.Accepted);
        Assert.Single(report.Warnings, warning => warning.StartsWith("The sample submission (sample.csv) does not fit", StringComparison.Ordinal));
        Assert.True(_submissions.Check(competition, _run.Submission, ignoreSample: true).Accepted);
    }

    [Fact]
    public async Task ASampleOfSomeOfTheRows_Fits()
    {
        var competition = await CompetitionAsync(Test, Sample + "2,0,0,1\n");
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        Assert.Equal(1, _submissions.Make(competition, _run).Report!.Rows);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(-0.1)]
    public async Task PredictionsThatAreNotFinite_NeverBecomeASubmission(double value)
    {
        var competition = await CompetitionAsync(Test, Sample + "2,0,0,1\n1,0,0,1\n");
        Predict(("1", 0.25, 0.25), ("2", 0.5, 0.25));
        _submissions.Make(competition, _run);
        Predict(("1", 0.25, 0.25), ("2", value, 0.25));
        var made = _submissions.Make(competition, _run);
        Assert.Contains("The prediction of row '2' is not three probabilities", made.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_run.Submission));
    }

    private async Task<Competition> CompetitionAsync(string test, string? sample)
    {
        var competition = await _library.CreateAsync("c", Cancellation);
        await ImportAsync(competition.Id, test, "test.csv");
        if (sample is not null) await ImportAsync(competition.Id, sample, "sample.csv");
        return _library.Get(competition.Id);
    }

    private void Predict(params (string Id, double A, double B)[] rows)
    {
        PredictionFile.Write(_run.TestPredictions, rows.Select(row => new Prediction(row.Id, new Probabilities(row.A, row.B, 1 - row.A - row.B), null, "g")));
        PredictionFile.Write(_run.ValidationPredictions, [new Prediction("v", new Probabilities(0.35, 0.25, 0.4), Winner.ModelA, "g")]);
    }

    private Task<ImportReport> ImportAsync(string competition, string text, string name)
        => _library.ImportAsync(competition, new MemoryStream(Encoding.UTF8.GetBytes(text)), name, cancellation: Cancellation);
}

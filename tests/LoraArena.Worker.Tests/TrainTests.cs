using System.Security.Cryptography;
using LoraArena.Core.Files;
using LoraArena.Core.Journal;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Submissions;
using LoraArena.Tests.Support;

namespace LoraArena.Worker.Tests;

/// <summary>Run folders that cannot be trained. What a good one comes to is tested where runs are supervised.</summary>
public sealed class TrainTests(FinishedRun finished)
{
    [Fact]
    public async Task AFolderWithoutASpec_IsRefused_AndStaysAsItIs()
    {
        var folder = Directory.CreateTempSubdirectory("arena-run-").FullName;
        var ended = await WorkerProcess.RunAsync("train", folder);

        Assert.Equal((3, ""), (ended.ExitCode, ended.Output));
        Assert.Contains("spec.json: the file is missing", ended.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
        Directory.Delete(folder);
    }

    [Theory]
    [InlineData("\"format\": 1", "\"format\": 99")]
    [InlineData("\"training\"", "\"traning\"")]
    [InlineData("{", "")]
    public async Task ASpecThatCannotBeRead_IsRefused_WithItsPath(string from, string to)
    {
        var run = finished.Another(spec => Replace(spec, from, to));
        var ended = await WorkerProcess.RunAsync("train", run.Path);

        Assert.Equal(3, ended.ExitCode);
        Assert.Contains(run.Spec, ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(run.Journal));
    }

    [Theory]
    [InlineData("\"id\": \"lora\"", "\"id\": \"lorra\"", "lorra")]
    [InlineData("\"options\": {}", "\"options\": {\"r\": 0}", "r")]
    [InlineData("\"device\": \"auto\"", "\"device\": \"cuda:9\"", "There is no device 'cuda:9' here")]
    [InlineData("arena-nano", "arena-nona", "arena-nona")]
    public async Task ASpecThatAsksForWhatThereIsNot_EndsTheRunWithASentence(string from, string to, string says)
    {
        var run = finished.Another(spec => Replace(spec, from, to));
        var ended = await WorkerProcess.RunAsync("train", run.Path);

        Assert.Equal(1, ended.ExitCode);
        var result = JsonFile.Read<RunResult>(run.Result);
        Assert.Equal(RunState.Failed, result.State);
        Assert.Contains(says, result.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("log.txt", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ACompetitionWhoseFileIsDamaged_CostsARunItsSubmissionAndNotItsResult()
    {
        var arena = finished.Arena.Folder;
        var own = LoraArena.Core.Files.ArenaId.New(TimeProvider.System);
        var spec = RunSpec.Read(finished.Folder.Spec);
        Directory.CreateDirectory(Path.Join(arena.Competition(own), "splits"));
        File.Copy(
            Path.Join(arena.Competition(spec.Competition.Id), "splits", spec.Split.Id + ".json"),
            Path.Join(arena.Competition(own), "splits", spec.Split.Id + ".json"));
        AtomicFile.WriteText(Path.Join(arena.Competition(own), "competition.json"), "{");
        var run = finished.Another(text => Replace(text, spec.Competition.Id, own));

        var ended = await WorkerProcess.RunAsync("train", run.Path, "--threads", "1");

        Assert.True(ended.ExitCode == 0, ended.Errors);
        Assert.Equal(RunState.Succeeded, JsonFile.Read<RunResult>(run.Result).State);
        var said = File.ReadLines(run.Journal).Single(line => line.Contains("There is no submission to send", StringComparison.Ordinal));
        Assert.Contains("competition.json: the file is damaged", said, StringComparison.Ordinal);
        Directory.Delete(arena.Competition(own), recursive: true);
    }

    [Fact]
    public async Task DataThatWereChangedInTheArena_EndTheRunBeforeTheyAreRead()
    {
        var library = finished.Arena.Get<CompetitionLibrary>();
        var competition = await library.CreateAsync("Changed", TestContext.Current.CancellationToken);
        using var file = new MemoryStream(Repository.FirstRows("train.csv", 25));
        var report = await library.ImportAsync(competition.Id, file, "train.csv", cancellation: TestContext.Current.CancellationToken);
        var source = Path.Join(finished.Arena.Folder.Dataset(report.Sha256), "source.csv");
        AtomicFile.WriteText(
            source,
            (await File.ReadAllTextAsync(source, TestContext.Current.CancellationToken)).Replace(",1,0,0\n", ",0,0,1\n", StringComparison.Ordinal));
        var run = finished.Another(spec => Replace(spec, RunSpec.Read(finished.Folder.Spec).Data.Train, report.Sha256));

        var ended = await WorkerProcess.RunAsync("train", run.Path);

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("has been changed since it was imported", JsonFile.Read<RunResult>(run.Result).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFinishedRun_HasItsSubmissionMadeAndChecked()
    {
        var made = RunSubmission.Stored(finished.Arena.Competition, finished.Folder);
        Assert.True(made!.Report!.Accepted, string.Join('\n', made.Report.Errors));
        Assert.Equal(made.Report.Rows + 1, (await File.ReadAllLinesAsync(finished.Folder.Submission, TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public async Task ARunThatHasEnded_IsNotBegunAgain()
    {
        var before = File.ReadAllBytes(finished.Folder.Journal);
        var ended = await WorkerProcess.RunAsync("train", finished.Folder.Path);

        Assert.Equal(3, ended.ExitCode);
        Assert.Contains("the run has ended already (succeeded)", ended.Errors, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(finished.Folder.Journal));
    }

    [Theory]
    [InlineData("max_tokens", "1000")]
    [InlineData("max_seconds", "1.0")]
    public async Task ARunWhoseBudgetIsSpent_TrainsNoStepMore_WhenItGoesOn(string budget, string value)
    {
        var run = finished.Another(spec => Replace(
            Replace(Replace(spec, "\"max_steps\": 3", "\"max_steps\": null"), $"\"{budget}\": null", $"\"{budget}\": {value}"),
            "\"keep_checkpoint\": false", "\"keep_checkpoint\": true"));
        Assert.Equal(0, (await WorkerProcess.RunAsync("train", run.Path)).ExitCode);
        var (steps, adapter) = (RunHistory.Read(run).LastStep!.Step, SHA256.HashData(File.ReadAllBytes(AdapterOf(run))));

        // As if it had been killed between its last checkpoint and its result.
        File.Delete(run.Result);
        Directory.Delete(run.Adapter, recursive: true);
        Assert.Equal(0, (await WorkerProcess.RunAsync("train", run.Path, "--attempt", "2")).ExitCode);
        Assert.Equal(steps, RunHistory.Read(run).LastStep!.Step);
        Assert.Equal(adapter, SHA256.HashData(File.ReadAllBytes(AdapterOf(run))));
        Assert.Equal(RunState.Succeeded, JsonFile.Read<RunResult>(run.Result).State);
    }

    private static string AdapterOf(RunFolder run) => Path.Join(run.Adapter, "adapter_model.safetensors");

    private static string Replace(string spec, string from, string to)
    {
        Assert.Contains(from, spec, StringComparison.Ordinal);
        return spec.Replace(from, to, StringComparison.Ordinal);
    }
}

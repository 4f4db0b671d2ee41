using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Data.Predictions;
using LoraArena.Tests.Support;

namespace LoraArena.Worker.Tests;

/// <summary>What is made of a finished run: predictions of other rows, and folders for other tools.</summary>
public sealed class OutputTests(FinishedRun finished) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("arena-out-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ThePredictionsOfTheTestData_AreThoseTheRunMade()
    {
        var answer = await WorkerProcess.AskAsync("predict", finished.Folder.Path, "--out", At("test.csv"), "--threads", "1");

        Assert.Equal(10, answer["rows"]!.GetValue<int>());
        var (expected, again) = (PredictionFile.Read(finished.Folder.TestPredictions).ToList(), PredictionFile.Read(At("test.csv")).ToList());
        Assert.Equal(expected.Select(p => p.Id), again.Select(p => p.Id));

        // The same weights lie elsewhere in memory, and libtorch's sums go in another order there.
        Assert.InRange(Difference(expected, again), 0, 1e-6);

        // The negative control: without the average over both orders they are others.
        await WorkerProcess.AskAsync("predict", finished.Folder.Path, "--out", At("once.csv"), "--threads", "1", "--swap-average", "false");
        Assert.True(Difference(expected, PredictionFile.Read(At("once.csv")).ToList()) > 1e-4);
    }

    [Fact]
    public async Task RowsOfAFile_ArePredictedInItsOrder()
    {
        AtomicFile.WriteBytes(At("rows.csv"), Repository.FirstRows("test.csv", 4));
        await WorkerProcess.AskAsync("predict", finished.Folder.Path, "--rows", At("rows.csv"), "--out", At("some.csv"), "--threads", "1");

        var expected = File.ReadLines(finished.Folder.TestPredictions).Take(5).Select(line => line.Split(',')[0]);
        Assert.Equal(expected, File.ReadLines(At("some.csv")).Select(line => line.Split(',')[0]));
    }

    [Fact]
    public async Task RowsThatLackAColumn_AreRefused_AndNothingIsWritten()
    {
        AtomicFile.WriteText(At("rows.csv"), "id,prompt,response_a\n1,\"[\"\"Hi\"\"]\",\"[\"\"Ho\"\"]\"\n");
        var ended = await WorkerProcess.RunAsync("predict", finished.Folder.Path, "--rows", At("rows.csv"), "--out", At("none.csv"));

        Assert.Equal((3, ""), (ended.ExitCode, ended.Output));
        Assert.Contains("response_b", ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(At("none.csv")));
    }

    [Fact]
    public async Task ARunThatHasNotSucceeded_PredictsNothing()
    {
        var run = finished.Another(spec => spec);
        var ended = await WorkerProcess.RunAsync("predict", run.Path, "--out", At("none.csv"));

        Assert.Equal((3, ""), (ended.ExitCode, ended.Output));
        Assert.Contains(run.Path, ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(At("none.csv")));
    }

    [Fact]
    public async Task TheAdapter_IsExportedAsItWasTrained()
    {
        await WorkerProcess.AskAsync("export", finished.Folder.Path, "--out", At("peft"));

        Assert.True(File.Exists(Path.Join(At("peft"), "adapter_config.json")));
        Assert.Equal(
            File.ReadAllBytes(Path.Join(finished.Folder.Adapter, "adapter_model.safetensors")),
            File.ReadAllBytes(Path.Join(At("peft"), "adapter_model.safetensors")));
    }

    [Fact]
    public async Task TheMergedModel_IsAModelFolder()
    {
        await WorkerProcess.AskAsync("export", finished.Folder.Path, "--format", "merged", "--out", At("merged"));
        var model = await WorkerProcess.AskAsync("describe", "--model", At("merged"));

        Assert.Equal("bert", model["model_type"]!.GetValue<string>());
        Assert.True(File.Exists(Path.Join(At("merged"), "tokenizer.json")));
    }

    [Fact]
    public async Task AnExport_NeverTouchesWhatIsThere()
    {
        Directory.CreateDirectory(At("mine"));
        AtomicFile.WriteText(Path.Join(At("mine"), "notes.txt"), "keep");
        var ended = await WorkerProcess.RunAsync("export", finished.Folder.Path, "--out", At("mine"));

        Assert.Equal((1, ""), (ended.ExitCode, ended.Output));
        Assert.Contains("is there already", ended.Errors, StringComparison.Ordinal);
        Assert.Equal(["notes.txt"], Directory.EnumerateFileSystemEntries(At("mine")).Select(Path.GetFileName));
    }

    private static double Difference(IReadOnlyList<Prediction> some, IReadOnlyList<Prediction> others)
        => some.Zip(others).Max(p =>
            Math.Abs(p.First.Probabilities.A - p.Second.Probabilities.A) + Math.Abs(p.First.Probabilities.B - p.Second.Probabilities.B));

    private string At(string name) => Path.Join(_folder, name);
}

using System.Diagnostics;
using LoraArena.Core.Competitions;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests;

/// <summary>Boards from folders: what is stored when a run ends, and how fast a large board opens.</summary>
public sealed class BoardSizeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task ARunWithoutASummary_GetsOneWhenTheBoardIsRead_AndADamagedRunIsSaidToBe()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        await arena.ImportAsync(120, 10);
        var run = await FabricatedRuns.AddAsync(arena, "lora", 0, 0.3);
        var damaged = await FabricatedRuns.AddAsync(arena, "dora", 0, 0.3);
        File.Delete(arena.Folder.Run(damaged).ValidationPredictions);
        Assert.False(File.Exists(arena.Folder.Run(run).Losses));

        var board = Read(arena, [run, damaged]);

        Assert.NotNull(LossTable.TryRead(arena.Folder.Run(run).Losses));
        Assert.Equal(run, Assert.Single(board.ComparedRows).Runs[0].Spec.Run);
        Assert.Equal(damaged, Assert.Single(board.Excluded).Run);

        // A note shows at the next look, though runs are read once.
        arena.Get<BoardReader>().Write(run, new RunNotes("good", ["keep"]));
        Assert.Equal(["keep"], Assert.Single(Read(arena, [run]).ComparedRows).Tags);
    }

    [Fact(Explicit = true)]
    public async Task ABoardOf2000Runs_OfTheRealSize_OpensInUnderASecond()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        await arena.ImportAsync(300, 10);
        var first = await FabricatedRuns.AddAsync(arena, "lora", 0, 0.3);
        _ = Read(arena, [first]);
        var ids = Copies(arena, first, 2000);

        // Once by a reader that knows nothing, as after a start of the server, and once more.
        var reader = new BoardReader(arena.Folder, arena.Get<CompetitionLibrary>());
        foreach (var when in new[] { "first", "again" })
        {
            var watch = Stopwatch.StartNew();
            var board = reader.Read(arena.Competition, new BoardQuery { ByRun = true }, _ => ids, null, null, TestContext.Current.CancellationToken);
            output.WriteLine($"{when}: {board.ComparedRows.Count()} runs in {watch.Elapsed.TotalSeconds:0.00} s");
            Assert.Equal(2000, board.ComparedRows.Count());
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1), $"{when}: {watch.Elapsed.TotalSeconds:0.00} s");
        }
    }

    private static Board Read(TestArena arena, IReadOnlyList<string> ids)
        => arena.Get<BoardReader>().Read(arena.Competition, new BoardQuery(), _ => ids, null, null);

    /// <summary>
    /// Copies of a run whose losses.bin has as many rows as the real competition; the baselines' have them too, so that all count as scored
    /// on the same.
    /// </summary>
    private static List<string> Copies(TestArena arena, string first, int count)
    {
        var (template, rows) = Inflated(arena.Folder.Run(first).Losses);
        foreach (var baseline in Directory.EnumerateFiles(arena.Folder.Competition(arena.Competition.Id), "*.losses.bin", SearchOption.AllDirectories))
        {
            var (front, length) = Inflated(baseline);
            Write(baseline, front, length);
        }

        var spec = RunSpec.Read(arena.Folder.Run(first).Spec);
        var ids = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var id = Core.Files.ArenaId.New(TimeProvider.System);
            var folder = arena.Folder.Run(id);
            Directory.CreateDirectory(folder.Path);
            (spec with { Run = id, Training = spec.Training with { Seed = i } }).Write(folder.Spec);
            File.Copy(arena.Folder.Run(first).Result, folder.Result);
            Write(folder.Losses, template, rows);
            ids.Add(id);
        }

        return ids;
    }

    // The front of the file with another number of rows, and the length that the whole then has.
    private static (byte[] Front, long Length) Inflated(string path)
    {
        const int Rows = 57_477;
        var front = File.ReadAllBytes(path)[..(64 + (2 * sizeof(double) * Core.Statistics.LossSketch.Size))];
        BitConverter.TryWriteBytes(front.AsSpan(8), Rows);
        return (front, front.Length + (Rows * sizeof(float)) + ((Rows + 7) / 8));
    }

    private static void Write(string path, byte[] front, long length)
    {
        using var file = File.Create(path);
        file.Write(front);
        file.SetLength(length);
    }
}

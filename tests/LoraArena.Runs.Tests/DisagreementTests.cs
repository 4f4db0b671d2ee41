using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests;

/// <summary>Two runs row by row: what is kept of them, and what a view reads.</summary>
public sealed class DisagreementTests
{
    [Fact]
    public async Task AView_ReadsOfTheTrainingDataTheRowsThatItShows_AndNoOthers()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        await arena.ImportAsync(300, 10);
        var (a, b) = (await FabricatedRuns.AddAsync(arena, "dora", 0, 0.4), await FabricatedRuns.AddAsync(arena, "lora", 0, 0.3));
        var library = arena.Get<CompetitionLibrary>();
        var train = arena.Competition.File(FileRole.Train)!.Sha256;
        var battles = library.ReadBattles(train, FileRole.Train, TestContext.Current.CancellationToken).ToDictionary(x => x.Id, StringComparer.Ordinal);
        var reader = new DisagreementReader(arena.Folder, library);

        var all = reader.Read(a, b, null, null);
        Assert.Equal(all.Whole.Rows, all.Rows.Count);
        Assert.Equal(all.Whole.Rows, all.Slices.Where(s => s.Kind == "outcome").Sum(s => s.Rows));
        Assert.Equal(all.Rows.OrderByDescending(r => Math.Abs(r.Difference)).Select(r => r.Row.Id), all.Rows.Select(r => r.Row.Id));
        var tie = ("outcome", "tie");
        var shown = all.Rows.First(r => Slices.Of(battles[r.Row.Id]).Contains(tie));
        LeaveOnly(Path.Join(arena.Folder.Dataset(train), "source.csv"), shown.Row, all.Rows.Select(r => r.Row.Offset));

        // The same view again, another one, and both by a server that has just been started.
        foreach (var other in new[] { reader, new DisagreementReader(arena.Folder, new CompetitionLibrary(arena.Folder, TimeProvider.System)) })
        {
            Assert.Equal(all.Slices, other.Read(a, b, null, null).Slices);
            var ties = other.Read(a, b, tie, null);
            Assert.Equal(all.Rows.Where(r => Slices.Of(battles[r.Row.Id]).Contains(tie)).Select(r => r.Row.Id), ties.Rows.Select(r => r.Row.Id));
            Assert.All(other.Read(a, b, tie, firstBetter: true).Rows, r => Assert.True(r.Difference < 0));
            var read = Assert.Single(other.ReadBattles(ties, ties.Rows.Take(1)));
            Assert.Equal(shown.Row.Id, read.Id);
            Assert.Equal(battles[shown.Row.Id].Prompts, read.Prompts);
        }
    }

    // All of the file but its header and one row is made what no row can be.
    private static void LeaveOnly(string path, ListedRow row, IEnumerable<long> offsets)
    {
        var bytes = File.ReadAllBytes(path);
        var begin = (int)row.Offset;
        var end = begin + Array.IndexOf(bytes, (byte)'\n', begin) - begin + 1;
        var header = Array.IndexOf(bytes, (byte)'\n') + 1;
        Assert.All(offsets, offset => Assert.True(offset >= header && bytes[offset - 1] == '\n'));
        bytes.AsSpan(header, begin - header).Fill((byte)'"');
        bytes.AsSpan(end).Fill((byte)'"');
        bytes[end - 1] = (byte)'\n';
        AtomicFile.WriteBytes(path, bytes);
    }
}

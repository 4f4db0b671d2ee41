using LoraArena.Data.Competitions;
using LoraArena.Runs;
using LoraArena.Tests.Support;
using Microsoft.Data.Sqlite;

namespace LoraArena.Web.Tests;

/// <summary>What is done is on disk; an index that could not be written then is brought up to date by the next look.</summary>
public sealed class IndexTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WhatCouldNotBeWrittenIntoALockedDatabase_IsTakenInLater()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        var (library, index) = (arena.Get<CompetitionLibrary>(), arena.Get<IndexSync>());
        var competition = await library.CreateAsync("Spring", Cancel);
        using (var other = Lock(arena))
        {
            await index.PutAsync(competition, Cancel);
            Assert.Empty(await arena.Store.CompetitionsAsync(Cancel));
        }

        Assert.True(await index.TryLookAsync(Cancel));
        Assert.Equal("Spring", Assert.Single(await arena.Store.CompetitionsAsync(Cancel)).Name);
    }

    [Fact]
    public async Task WhatLiesInTheFolders_IsTakenIn_AndOneThatIsDamagedDoesNotKeepTheOthersOut()
    {
        await using var arena = await TestArena.CreateAsync(trainRows: 20, testRows: 3);
        var run = await arena.StartAsync(new Core.Runs.TrainingOptions { MaxSteps = 1 });
        await using var bare = await TestArena.CreateEmptyAsync();
        foreach (var folder in new[] { "competitions", "models", "runs" }) Copy(Path.Join(arena.Folder.Root, folder), Path.Join(bare.Folder.Root, folder));
        var damaged = Path.Join(bare.Folder.Competitions, "01m8asjby8jkhd565k8damzm9q");
        Directory.CreateDirectory(damaged);
        Core.Files.AtomicFile.WriteText(Path.Join(damaged, "competition.json"), "{");
        Assert.Null(await bare.Store.RunAsync(run, Cancel));

        await bare.Get<IndexSync>().LookAsync(Cancel);
        Assert.Equal("Small", Assert.Single(await bare.Store.CompetitionsAsync(Cancel)).Name);
        Assert.Equal("nano", Assert.Single(await bare.Store.ModelsAsync(Cancel)).Name);
        Assert.Equal("queued", (await bare.Store.RunAsync(run, Cancel))!.State);

        // A card that is gone leaves the list.
        File.Delete(Directory.EnumerateFiles(bare.Folder.Models).Single());
        await bare.Get<IndexSync>().LookAsync(Cancel);
        Assert.Empty(await bare.Store.ModelsAsync(Cancel));
    }

    // Another process that has begun to write and does not end.
    private static SqliteConnection Lock(TestArena arena)
    {
        var connection = new SqliteConnection($"Data Source={arena.Folder.Database};Pooling=False");
        connection.Open();
        using var begin = connection.CreateCommand();
        begin.CommandText = "BEGIN IMMEDIATE";
        begin.ExecuteNonQuery();
        return connection;
    }

    private static void Copy(string from, string to)
    {
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
        {
            Directory.CreateDirectory(folder.Replace(from, to, StringComparison.Ordinal));
        }

        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, file.Replace(from, to, StringComparison.Ordinal));
        }
    }
}

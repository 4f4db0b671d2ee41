using Microsoft.EntityFrameworkCore;

namespace LoraArena.Storage.Tests;

public sealed class MigrationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FirstStart_MakesTheTables_AndTheNextFindsThemDone()
    {
        await using var store = await TestStore.CreateAsync();
        await store.Databases.MigrateAsync(Cancel);

        Assert.Empty(await store.Runs.RunsAsync(null, 10, Cancel));
        Assert.Equal("wal", await store.QueryAsync<string>("PRAGMA journal_mode"));

        // 2 is FULL: a commit survives a power cut.
        Assert.Equal(2L, await store.QueryAsync<long>("PRAGMA synchronous"));
    }

    [Fact]
    public async Task Migrate_ByManyAtOnce_IsDoneOnce()
    {
        await using var store = TestStore.Empty();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.Databases.MigrateAsync(Cancel), Cancel)));

        await using var db = await store.Databases.CreateDbContextAsync(Cancel);
        Assert.Equal(db.Database.GetMigrations().Count(), await store.QueryAsync<long>("SELECT count(*) FROM __EFMigrationsHistory"));
    }

    [Fact]
    public async Task Migrate_AfterAProcessWasKilledInTheMiddle_DoesNotWaitForItsLock()
    {
        await using var store = await TestStore.CreateAsync();

        // What such a process leaves: EF's lock row, and a migration that is not noted as done. Without tables to make again it may run again.
        await store.QueryAsync<object>("CREATE TABLE IF NOT EXISTS __EFMigrationsLock (Id INTEGER PRIMARY KEY, Timestamp TEXT NOT NULL); INSERT OR REPLACE INTO __EFMigrationsLock VALUES (1, '2000-01-01'); SELECT 1");
        foreach (var table in new[] { "AspNetUserClaims", "AspNetUserLogins", "AspNetUserRoles", "AspNetUserTokens", "AspNetUserPasskeys", "AspNetRoleClaims", "AspNetRoles", "AspNetUsers", "Runs", "Models", "Competitions" })
        {
            await store.QueryAsync<object>($"DROP TABLE IF EXISTS {table}; SELECT 1");
        }

        await store.QueryAsync<object>("DELETE FROM __EFMigrationsHistory; SELECT 1");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(10));

        await store.Databases.MigrateAsync(limit.Token);

        Assert.Empty(await store.Runs.RunsAsync(null, 10, Cancel));
    }

    [Fact]
    public async Task TheTables_AreThoseOfTheModel()
    {
        await using var store = await TestStore.CreateAsync();
        await using var db = await store.Databases.CreateDbContextAsync(Cancel);

        Assert.False(db.Database.HasPendingModelChanges());
    }

    [Fact]
    public async Task ChangesOfAccounts_WaitTheirTurn_LongerThanAStatementWould()
    {
        await using var store = await TestStore.CreateAsync(busySeconds: 1);
        var held = await LoraArena.Core.Files.FileLock.TakeAsync(store.Folder.Database + ".lock", Cancel);
        var added = store.WithAccountsAsync(accounts => accounts.AddFirstAsync("ada", "correct horse battery", Cancel));

        await Task.Delay(TimeSpan.FromSeconds(1.5), Cancel);
        Assert.False(added.IsCompleted);
        held.Dispose();

        Assert.Equal("ada", (await added).Name);
    }

    [Fact]
    public async Task ARun_ThatTwoProcessesAdd_IsThereOnce()
    {
        await using var store = await TestStore.CreateAsync();
        static LoraArena.Storage.Entities.RunEntry Entry(string name) => new()
        {
            Id = "01m8ayfqxe6434tgasbhxammz1",
            Name = name,
            CompetitionId = "c",
            Owner = "o",
            Model = "m",
            Variant = "lora",
            SplitKey = "s",
            Seed = 0,
            State = "queued",
            CreatedMs = 1,
            QueuedMs = 1,
        };

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.Runs.AddAsync(Entry("first"), Cancel), Cancel)));
        await store.Runs.AddAsync(Entry("second"), Cancel);

        Assert.Equal("first", Assert.Single(await store.Runs.RunsAsync(null, 10, Cancel)).Name);
    }
}

using LoraArena.Core.Files;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace LoraArena.Storage.Tests;

/// <summary>A database in a folder of a test's own.</summary>
internal sealed class TestStore : IAsyncDisposable
{
    // As long as a command waits: on a busy machine many writers at once take longer than a page would.
    private const int Patience = 60;

    private readonly ServiceProvider _services;

    private TestStore(ArenaFolder folder, int busySeconds)
    {
        Folder = folder;
        _services = new ServiceCollection().AddLogging().AddArenaDb(folder, busySeconds).AddArenaAccounts().Services.BuildServiceProvider();
    }

    public ArenaFolder Folder { get; }

    public ArenaStore Runs => _services.GetRequiredService<ArenaStore>();

    public IDbContextFactory<ArenaDb> Databases => _services.GetRequiredService<IDbContextFactory<ArenaDb>>();

    public static TestStore Empty(int busySeconds = Patience)
    {
        var folder = new ArenaFolder(Directory.CreateTempSubdirectory("arena-store-").FullName);
        folder.Create();
        return new TestStore(folder, busySeconds);
    }

    public static async Task<TestStore> CreateAsync(int busySeconds = Patience)
    {
        var store = Empty(busySeconds);
        await store.Databases.MigrateAsync(TestContext.Current.CancellationToken);
        return store;
    }

    /// <summary>Does something with accounts as a request would: in a scope of its own.</summary>
    public async Task<T> WithAccountsAsync<T>(Func<Accounts, Task<T>> act)
    {
        await using var scope = _services.CreateAsyncScope();
        return await act(scope.ServiceProvider.GetRequiredService<Accounts>());
    }

    public async Task<T> QueryAsync<T>(string sql)
    {
        await using var db = await Databases.CreateDbContextAsync(TestContext.Current.CancellationToken);
        await db.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(Folder.Root, recursive: true);
    }
}

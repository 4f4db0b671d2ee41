using System.Globalization;
using LoraArena.Core.Files;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;

namespace LoraArena.Storage;

/// <summary>Opens the database of an arena.</summary>
public static class ArenaDbSetup
{
    /// <summary>Seconds that a statement waits for another writer.</summary>
    private const int BusySeconds = 5;

    /// <summary>Registers the database, as a factory: one context an operation.</summary>
    public static IServiceCollection AddArenaDb(this IServiceCollection services, ArenaFolder folder)
    {
        services.AddDbContextFactory<ArenaDb>(options => Configure(options, folder.Database));
        services.AddSingleton<ArenaStore>();
        return services;
    }

    /// <summary>
    /// Makes or updates the tables. Processes that do it at once go one after the other, by a lock file beside the database; so the lock row
    /// that a process left when it was killed here, for which the next would wait for ever, can be removed first.
    /// </summary>
    public static async Task MigrateAsync(this IDbContextFactory<ArenaDb> databases, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);

        // Most of the time there is nothing to do, and finding that out is much cheaper than letting EF do nothing.
        if (!(await db.Database.GetPendingMigrationsAsync(cancel)).Any()) return;
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        using var alone = await FileLock.TakeAsync(Path.GetFullPath(connection.DataSource) + ".lock", cancel);
        await db.Database.OpenConnectionAsync(cancel);
        await using (var command = connection.CreateCommand())
        {
            // Write-ahead logging, which the file remembers, lets pages read while the supervisor writes. With SQLite's default of
            // synchronous = FULL a commit survives a power cut.
            command.CommandText = "PRAGMA journal_mode = WAL";
            await command.ExecuteNonQueryAsync(cancel);
            command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = '__EFMigrationsLock'";
            if (Convert.ToInt64(await command.ExecuteScalarAsync(cancel), CultureInfo.InvariantCulture) > 0)
            {
                command.CommandText = "DELETE FROM __EFMigrationsLock";
                await command.ExecuteNonQueryAsync(cancel);
            }
        }

        await db.Database.MigrateAsync(cancel);
    }

    internal static void Configure(DbContextOptionsBuilder options, string path)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = BusySeconds, Pooling = true };
        options.UseSqlite(connection.ToString());
    }
}

/// <summary>Lets <c>dotnet ef migrations add</c> make a context without an app.</summary>
internal sealed class ArenaDbDesignTime : IDesignTimeDbContextFactory<ArenaDb>
{
    public ArenaDb CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<ArenaDb>();
        ArenaDbSetup.Configure(options, "design-time.db");
        return new ArenaDb(options.Options);
    }
}

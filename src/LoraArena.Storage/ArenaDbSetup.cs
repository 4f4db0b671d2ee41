using System.Globalization;
using LoraArena.Core.Files;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Diagnostics;
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
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        using var alone = await FileLock.TakeAsync(Path.GetFullPath(connection.DataSource) + ".lock", cancel);

        // Through EF, so that a new file is put into write-ahead logging before EF looks at it read-only.
        await db.Database.OpenConnectionAsync(cancel);
        await using (var command = connection.CreateCommand())
        {
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
        options.UseSqlite(connection.ToString()).AddInterceptors(Durable.Instance);
    }

    // Write-ahead logging lets pages read while the supervisor writes; FULL makes a commit survive a power cut.
    private sealed class Durable : DbConnectionInterceptor
    {
        public static Durable Instance { get; } = new();

        public override void ConnectionOpened(System.Data.Common.DbConnection connection, ConnectionEndEventData eventData)
        {
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
            command.ExecuteNonQuery();
        }

        public override async Task ConnectionOpenedAsync(System.Data.Common.DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
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

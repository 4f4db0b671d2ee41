using System.Data.Common;
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

        // Most of the time there is nothing to do, and finding that out is much cheaper than letting EF do nothing.
        if (!(await db.Database.GetPendingMigrationsAsync(cancel)).Any()) return;
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        using var alone = await FileLock.TakeAsync(Path.GetFullPath(connection.DataSource) + ".lock", cancel);
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

    // Write-ahead logging lets pages read while the supervisor writes; FULL makes a commit survive a power cut. EF looks with a read-only
    // connection whether there is a database; such a one can set neither.
    private sealed class Durable : DbConnectionInterceptor
    {
        private const string Settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";

        public static Durable Instance { get; } = new();

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            if (IsReadOnly(connection)) return;
            using var command = connection.CreateCommand();
            command.CommandText = Settings;
            command.ExecuteNonQuery();
        }

        public override async Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            if (IsReadOnly(connection)) return;
            await using var command = connection.CreateCommand();
            command.CommandText = Settings;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        private static bool IsReadOnly(DbConnection connection) => new SqliteConnectionStringBuilder(connection.ConnectionString).Mode == SqliteOpenMode.ReadOnly;
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

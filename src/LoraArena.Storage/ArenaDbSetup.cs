using System.Globalization;
using LoraArena.Core.Files;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;

namespace LoraArena.Storage;

/// <summary>Opens the database of an arena.</summary>
public static class ArenaDbSetup
{
    private const int SqliteBusy = 5;
    private const int SqliteLocked = 6;

    /// <summary>Seconds that a statement of an app that somebody is looking at waits for another writer.</summary>
    public const int BusySeconds = 5;

    /// <summary>Registers the database, as a factory: one context an operation.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="folder">The arena.</param>
    /// <param name="busySeconds">Seconds that a statement waits for another writer.</param>
    public static IServiceCollection AddArenaDb(this IServiceCollection services, ArenaFolder folder, int busySeconds = BusySeconds)
    {
        services.AddDbContextFactory<ArenaDb>(options => Configure(options, folder.Database, busySeconds));
        services.AddSingleton<ArenaStore>();
        return services;
    }

    /// <summary>
    /// Makes or updates the tables. Processes that do it at once go one after the other; so the lock row that a process left when it was
    /// killed here, for which the next would wait for ever, can be removed first.
    /// </summary>
    public static async Task MigrateAsync(this IDbContextFactory<ArenaDb> databases, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        if (await IsCurrentAsync(db, cancel)) return;
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        using var turn = await db.TakeTurnAsync(cancel);
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

    /// <summary>
    /// Waits, as long as it takes, until no other process makes tables or changes accounts: those are the changes that hold the database
    /// for longer than a statement waits where the machine is busy. The lock is a file beside the database. To be taken before a
    /// transaction, never in one.
    /// </summary>
    internal static Task<IDisposable> TakeTurnAsync(this ArenaDb db, CancellationToken cancel)
        => FileLock.TakeAsync(Path.GetFullPath(((SqliteConnection)db.Database.GetDbConnection()).DataSource) + ".lock", cancel);

    internal static void Configure(DbContextOptionsBuilder options, string path, int busySeconds = BusySeconds)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = busySeconds, Pooling = true };
        options.UseSqlite(connection.ToString());
    }

    // Most of the time there is nothing to do. Asking EF what is pending makes it build a model of its history: half of what a command costs.
    private static async Task<bool> IsCurrentAsync(ArenaDb db, CancellationToken cancel)
    {
        var connection = (SqliteConnection)db.Database.GetDbConnection();
        if (!File.Exists(connection.DataSource)) return false;
        try
        {
            await db.Database.OpenConnectionAsync(cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = $"SELECT count(*) FROM sqlite_master WHERE name = '{HistoryRepository.DefaultTableName}'";
            if (Convert.ToInt64(await command.ExecuteScalarAsync(cancel), CultureInfo.InvariantCulture) == 0) return false;
            command.CommandText = $"SELECT MigrationId FROM {HistoryRepository.DefaultTableName}";
            var applied = new HashSet<string>(StringComparer.Ordinal);
            await using var rows = await command.ExecuteReaderAsync(cancel);
            while (await rows.ReadAsync(cancel)) applied.Add(rows.GetString(0));
            return db.Database.GetMigrations().All(applied.Contains);
        }
        catch (SqliteException error) when (error.SqliteErrorCode is SqliteBusy or SqliteLocked)
        {
            // Another process is making the tables: this one waits its turn and looks again.
            return false;
        }
    }
}

/// <summary>
/// Lets <c>dotnet ef</c> make a context without an app. After a change of the entities or of <see cref="ArenaDb"/>, in this project's folder:
/// <c>dotnet ef migrations add NAME</c>, and <c>dotnet ef dbcontext optimize --output-dir CompiledModels --namespace LoraArena.Storage.CompiledModels</c>.
/// The compiled model spares every start the time in which EF finds out what the entities are.
/// </summary>
internal sealed class ArenaDbDesignTime : IDesignTimeDbContextFactory<ArenaDb>
{
    public ArenaDb CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<ArenaDb>();
        ArenaDbSetup.Configure(options, "design-time.db");
        return new ArenaDb(options.Options);
    }
}

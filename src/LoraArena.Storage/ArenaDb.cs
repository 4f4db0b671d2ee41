using LoraArena.Storage.Entities;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Storage;

/// <summary>
/// The database: accounts, the queue, and an index of what the arena's folder holds. Without the accounts it can be made again from the
/// folder.
/// </summary>
/// <param name="options">Provider and connection.</param>
public sealed class ArenaDb(DbContextOptions<ArenaDb> options) : IdentityDbContext<ArenaUser>(options)
{
    /// <summary>Competitions.</summary>
    public DbSet<CompetitionEntry> Competitions => Set<CompetitionEntry>();

    /// <summary>Registered base models.</summary>
    public DbSet<ModelEntry> Models => Set<ModelEntry>();

    /// <summary>Runs, the queue among them.</summary>
    public DbSet<RunEntry> Runs => Set<RunEntry>();

    /// <summary>With the table of passkeys, so that it need not be added later.</summary>
    protected override Version SchemaVersion => IdentitySchemaVersions.Version3;

    /// <inheritdoc/>
    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.Entity<CompetitionEntry>(entry =>
        {
            entry.HasKey(c => c.Id);
            entry.HasIndex(c => c.Name).IsUnique();
        });
        builder.Entity<ModelEntry>(entry =>
        {
            entry.HasKey(m => m.Id);
            entry.HasIndex(m => m.Name).IsUnique();
        });
        builder.Entity<RunEntry>(entry =>
        {
            entry.HasKey(r => r.Id);
            entry.HasIndex(r => new { r.State, r.QueuedMs });
            entry.HasIndex(r => new { r.CompetitionId, r.SplitKey, r.State });
            entry.HasIndex(r => r.CreatedMs);
        });
    }
}

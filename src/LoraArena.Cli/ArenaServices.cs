using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Files;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Data.Submissions;
using LoraArena.Runs;
using LoraArena.Runs.Trials;
using LoraArena.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LoraArena.Cli;

/// <summary>The arena that a command works on, with its services.</summary>
internal sealed class ArenaServices : IAsyncDisposable
{
    // Nobody waits at a page for a command: it gives other writers more time than the server does.
    private const int BusySeconds = 60;

    private readonly ServiceProvider _services;

    private ArenaServices(ArenaFolder folder)
    {
        Folder = folder;
        var services = new ServiceCollection();
        services.AddLogging(log => log.ClearProviders()
            .AddProvider(new StderrLog())
            .AddFilter((category, level) => level >= LogLevel.Warning && category?.StartsWith("LoraArena.", StringComparison.Ordinal) == true));
        services.AddSingleton(folder);
        services.AddArenaDb(folder, BusySeconds);
        services.AddArenaAccounts();
        services.AddSingleton(AppFolder.HubSettings());
        services.AddRuns(AppFolder.RunSettings());
        services.AddSingleton(provider => OpenLibrary(folder, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RunSubmission>();
        services.AddSingleton<BoardReader>();
        _services = services.BuildServiceProvider();
    }

    /// <summary>The folder.</summary>
    public ArenaFolder Folder { get; }

    /// <summary>Competitions, on disk.</summary>
    public CompetitionLibrary Library => Get<CompetitionLibrary>();

    /// <summary>The index; only where it was opened too.</summary>
    public ArenaStore Store => Get<ArenaStore>();

    /// <summary>
    /// Opens the competitions. Uploads:MaxBytes is for what strangers send to a server; whoever imports here has the file on this host already.
    /// </summary>
    public static CompetitionLibrary OpenLibrary(ArenaFolder folder, TimeProvider time) => new(folder, time, maxUploadBytes: long.MaxValue);

    /// <summary>Opens the arena's folder, which is made where it is missing.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static ArenaServices Open(ParseResult parse)
    {
        var folder = new ArenaFolder(AppFolder.Arena(parse.GetValue(GlobalOptions.Store)));
        folder.Create();
        return new ArenaServices(folder);
    }

    /// <summary>Opens folder and index, and brings the index up to date.</summary>
    public static async Task<ArenaServices> OpenIndexAsync(ParseResult parse, CancellationToken cancel)
    {
        var arena = Open(parse);
        try
        {
            await arena.Get<IDbContextFactory<ArenaDb>>().MigrateAsync(cancel);
            await arena.CatchUpAsync(cancel);
            return arena;
        }
        catch
        {
            await arena.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Takes into the index what the folders know: runs go on when nobody supervises them, and a database may have been lost. Starts
    /// nothing. Where another process supervises, that one does it.
    /// </summary>
    public async Task CatchUpAsync(CancellationToken cancel)
    {
        using var supervision = Supervision(SupervisorKind.Command);
        await supervision.ObserveAsync(cancel);
    }

    /// <summary>Supervision of the arena by this process, where no other does it.</summary>
    public Supervision Supervision(SupervisorKind kind) => new(Folder, Get<RunIndex>(), Get<TrialLoop>(), Get<RunSupervisor>(), kind);

    /// <summary>A service.</summary>
    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    /// <summary>A scope, for services that live as long as one operation.</summary>
    public AsyncServiceScope CreateScope() => _services.CreateAsyncScope();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _services.DisposeAsync();
}

using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Runs.Trials;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace LoraArena.Tests.Support;

/// <summary>An arena in a folder of a test's own, with a small competition, the shipped base model, and the real worker.</summary>
internal sealed class TestArena : IAsyncDisposable
{
    // What the worker says of itself and of the shipped model is the same in every arena. It is asked once by all tests of a project.
    private static readonly Lazy<Task<WorkerAnswers>> Answers = new(AskWorkerAsync);

    private readonly ServiceProvider _services;

    private TestArena(ServiceProvider services, ArenaFolder folder) => (_services, Folder) = (services, folder);

    public ArenaFolder Folder { get; }

    public Competition Competition { get; private set; } = null!;

    public ModelCard Model { get; private set; } = null!;

    public ArenaStore Store => Get<ArenaStore>();

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Uses the accounts in a scope of their own: another process may have changed them meanwhile.</summary>
    public async Task<T> WithAccountsAsync<T>(Func<Accounts, Task<T>> use)
    {
        await using var scope = _services.CreateAsyncScope();
        return await use(scope.ServiceProvider.GetRequiredService<Accounts>());
    }

    /// <summary>Makes an arena with nothing in it.</summary>
    /// <param name="root">Its folder; null makes one.</param>
    public static async Task<TestArena> CreateEmptyAsync(string? root = null)
    {
        var folder = new ArenaFolder(root ?? Directory.CreateTempSubdirectory("arena-test-").FullName);
        var arena = new TestArena(Services(folder), folder);
        await arena.Get<IDbContextFactory<ArenaDb>>().MigrateAsync(CancellationToken.None);
        return arena;
    }

    /// <summary>Makes an arena. Rows are the first of the starter's.</summary>
    public static async Task<TestArena> CreateAsync(int trainRows = 60, int testRows = 10, string? root = null)
    {
        var arena = await CreateEmptyAsync(root);
        await arena.ImportAsync(trainRows, testRows);
        var (card, description) = await Answers.Value;
        arena.Model = card with { Id = ArenaId.New(TimeProvider.System) };
        AtomicFile.WriteJson(arena.Folder.ModelCard(arena.Model.Id), arena.Model);
        await arena.Store.PutAsync(arena.Model);
        AtomicFile.WriteText(DescriptionOf(arena.Folder), description);
        return arena;
    }

    /// <summary>Queues a short run on the CPU.</summary>
    public Task<string> StartAsync(TrainingOptions training)
    {
        var library = Get<CompetitionLibrary>();
        var split = library.ReadSplit(Competition.Id, Competition.DefaultSplit!);
        return Get<RunService>().StartAsync(
            new RunOrder(Competition, new SplitReference(split.Id, split.Name, null), Model, new VariantChoice("lora", []), training, "tester", null),
            CancellationToken.None);
    }

    /// <summary>Supervises until a condition holds, as a server would.</summary>
    public async Task<RunEntry> SuperviseAsync(string run, Func<RunEntry, bool> until, TimeSpan? within = null)
    {
        using var supervision = new Supervision(Folder, Get<RunIndex>(), Get<TrialLoop>(), Get<RunSupervisor>(), SupervisorKind.Watch);
        using var limit = new CancellationTokenSource(within ?? TimeSpan.FromMinutes(10));
        while (true)
        {
            if (!await supervision.PassAsync(limit.Token)) throw new InvalidOperationException("Another process supervises this arena.");
            var entry = (await Store.RunAsync(run, limit.Token))!;
            if (until(entry)) return entry;
            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>Waits until a condition holds, while somebody else supervises.</summary>
    public async Task<RunEntry> WaitAsync(string run, Func<RunEntry, bool> until, TimeSpan? within = null)
    {
        using var limit = new CancellationTokenSource(within ?? TimeSpan.FromMinutes(10));
        while (true)
        {
            var entry = (await Store.RunAsync(run, limit.Token))!;
            if (until(entry)) return entry;
            await Task.Delay(50, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // No worker may outlive its test: it would write into a folder that is gone.
        foreach (var run in await Store.ActiveAsync())
        {
            if (RunLease.Read(Folder.Run(run.Id), run.Attempt) is { } lease) WorkerProcess.Kill(Folder.Run(run.Id), lease);
        }

        await _services.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(Folder.Root, recursive: true);
    }

    private static ServiceProvider Services(ArenaFolder folder)
    {
        folder.Create();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(folder);
        services.AddSingleton(provider => new CompetitionLibrary(folder, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<LoraArena.Data.Boards.BoardReader>();
        services.AddArenaDb(folder);
        services.AddArenaAccounts();
        services.AddRuns(new RunSettings { Threads = 1, FreeSpaceFloor = 0 });
        return services.BuildServiceProvider();
    }

    /// <summary>Makes the competition of the starter's first rows.</summary>
    public async Task ImportAsync(int trainRows, int testRows)
    {
        var library = Get<CompetitionLibrary>();
        Competition = await library.CreateAsync("Small");
        foreach (var (name, role, rows) in new[] { ("train.csv", FileRole.Train, trainRows), ("test.csv", FileRole.Test, testRows), ("sample_submission.csv", FileRole.Sample, testRows) })
        {
            await using var file = new MemoryStream(Repository.FirstRows(name, rows));
            await library.ImportAsync(Competition.Id, file, name, role);
        }

        Competition = library.Get(Competition.Id);
        await Store.PutAsync(Competition);
    }

    private static async Task<WorkerAnswers> AskWorkerAsync()
    {
        await using var arena = await CreateEmptyAsync();
        var card = await arena.Get<ModelRegistry>().AddAsync(Repository.NanoModel, "nano", CancellationToken.None);
        await arena.Get<WorkerCatalog>().DescribeAsync(CancellationToken.None);
        return new WorkerAnswers(card, await File.ReadAllTextAsync(DescriptionOf(arena.Folder)));
    }

    // Where an arena keeps what its worker can do.
    private static string DescriptionOf(ArenaFolder folder) => Path.Join(folder.Root, "worker.json");

    /// <summary>What an arena has asked its worker.</summary>
    /// <param name="Card">The card of the shipped model.</param>
    /// <param name="Description">The file with what the worker can do.</param>
    private sealed record WorkerAnswers(ModelCard Card, string Description);
}

using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.EndToEnd.Tests;
using LoraArena.Runs;
using LoraArena.Tests.Support;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(ArenaWithARun))]

namespace LoraArena.EndToEnd.Tests;

/// <summary>A server with two competitions, a model, a finished run, one that was stopped before its first step, and an administrator.</summary>
public sealed class ArenaWithARun : IAsyncLifetime
{
    private readonly SemaphoreSlim _once = new(1);
    private WebServer _server = null!;
    private string? _signIn;

    public Uri Address => _server.Address;

    internal TestArena Arena { get; private set; } = null!;

    public string Run { get; private set; } = "";

    public string StoppedRun { get; private set; } = "";

    /// <summary>Another competition, whose training data have a row that was rejected.</summary>
    public string CompetitionWithRejections { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Arena = await TestArena.CreateAsync();
        Run = await Arena.StartAsync(new TrainingOptions { MaxSteps = 6, BatchSize = 4, MaxLength = 48 });
        var entry = await Arena.SuperviseAsync(Run, r => RunState.Parse(r.State).IsFinal);
        Assert.Equal("succeeded", entry.State);
        StoppedRun = await Arena.StartAsync(new TrainingOptions { MaxSteps = 6 });
        await Arena.Get<RunService>().StopAsync(StoppedRun, StopWhen.Now, CancellationToken.None);
        CompetitionWithRejections = await ImportWithRejectionAsync();
        await Arena.WithAccountsAsync(accounts => accounts.AddFirstAsync("ada", WatchedPage.Password, CancellationToken.None));
        _server = await WebServer.StartAsync(Arena.Folder, false, ("Proxy__Trusted", TestProxy.Address));
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        if (Arena is not null) await Arena.DisposeAsync();
        _once.Dispose();
    }

    /// <summary>An address in which {competition}, {rejections}, {run} and {stopped} stand for their ids.</summary>
    public string Path(string pattern) => pattern
        .Replace("{competition}", Arena.Competition.Id, StringComparison.Ordinal)
        .Replace("{rejections}", CompetitionWithRejections, StringComparison.Ordinal)
        .Replace("{run}", Run, StringComparison.Ordinal)
        .Replace("{stopped}", StoppedRun, StringComparison.Ordinal);

    /// <summary>The cookies of the administrator, who signs in the first time.</summary>
    public async Task<string> SignInAsync(IBrowser browser)
    {
        await _once.WaitAsync();
        try
        {
            if (_signIn is not null) return _signIn;
            await using var watched = await WatchedPage.OpenAsync(browser, Address);
            await watched.SignInAsync("ada");
            return _signIn = await watched.SignInStateAsync();
        }
        finally
        {
            _once.Release();
        }
    }

    private async Task<string> ImportWithRejectionAsync()
    {
        var library = Arena.Get<CompetitionLibrary>();
        var competition = await library.CreateAsync("With rejections");
        using var file = new MemoryStream([.. Repository.FirstRows("train.csv", 20), .. "1,a-sim,b-sim,\"[\"\"Who?\"\"]\",\"[\"\"I.\"\"]\",\"[\"\"You.\"\"]\",1,1,0\n"u8]);
        var report = await library.ImportAsync(competition.Id, file, "train.csv");
        Assert.Equal(1, report.Rejected);
        await Arena.Store.PutAsync(library.Get(competition.Id));
        return competition.Id;
    }
}

using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.EndToEnd.Tests;
using LoraArena.Runs;
using LoraArena.Tests.Support;

[assembly: AssemblyFixture(typeof(ArenaWithARun))]

namespace LoraArena.EndToEnd.Tests;

/// <summary>A server with two competitions, a model, a finished run, one that was stopped before its first step, and an administrator.</summary>
public sealed class ArenaWithARun : IAsyncLifetime
{
    private WebServer _server = null!;

    public Uri Address => _server.Address;

    internal TestArena Arena { get; private set; } = null!;

    /// <summary>The administrator's browser.</summary>
    internal SignedIn Administrator { get; private set; } = null!;

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
        Administrator = new SignedIn(_server.Address, page => page.SignInAsync("ada"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        if (Arena is not null) await Arena.DisposeAsync();
        Administrator?.Dispose();
    }

    /// <summary>An address in which {competition}, {rejections}, {run} and {stopped} stand for their ids.</summary>
    public string Path(string pattern) => pattern
        .Replace("{competition}", Arena.Competition.Id, StringComparison.Ordinal)
        .Replace("{rejections}", CompetitionWithRejections, StringComparison.Ordinal)
        .Replace("{run}", Run, StringComparison.Ordinal)
        .Replace("{stopped}", StoppedRun, StringComparison.Ordinal);

    private async Task<string> ImportWithRejectionAsync()
    {
        var library = Arena.Get<CompetitionLibrary>();
        var competition = await library.CreateAsync("With rejections");
        using var file = new MemoryStream([
            .. Repository.FirstRows("train.csv", 20), .. "1,a-sim,b-sim,\"[\"\"Who?\"\"]\",\"[\"\"I.\"\"]\",\"[\"\"You.\"\"]\",1,1,0\n"u8]);
        var report = await library.ImportAsync(competition.Id, file, "train.csv");
        Assert.Equal(1, report.Rejected);
        await Arena.Store.PutAsync(library.Get(competition.Id));
        return competition.Id;
    }
}

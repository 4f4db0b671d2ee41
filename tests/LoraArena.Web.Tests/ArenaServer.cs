using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Runs;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using LoraArena.Tests.Support;
using LoraArena.Web.Tests;

[assembly: AssemblyFixture(typeof(ArenaServer))]

namespace LoraArena.Web.Tests;

/// <summary>
/// One server for all tests that do not need an arena of their own: a competition, a model, an administrator and a member, a run that
/// succeeded and one that was stopped before it began.
/// </summary>
public sealed class ArenaServer : IAsyncLifetime
{
    private WebServer _server = null!;

    internal TestArena Arena { get; private set; } = null!;

    internal Visitor Administrator { get; private set; } = null!;

    internal Visitor Member { get; private set; } = null!;

    public Uri Address => _server.Address;

    public string Run { get; private set; } = "";

    public string StoppedRun { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Arena = await TestArena.CreateAsync();
        var accounts = Arena.Get<Accounts>();
        await accounts.AddFirstAsync("ada", Visitor.Password, CancellationToken.None);
        await accounts.AddAsync("bob", Visitor.Password, ArenaRoles.Member, CancellationToken.None);
        Run = await Arena.StartAsync(new TrainingOptions { MaxSteps = 6, BatchSize = 4, MaxLength = 48 });
        StoppedRun = await Arena.StartAsync(new TrainingOptions { MaxSteps = 6 });
        await Arena.Get<RunService>().StopAsync(StoppedRun, StopWhen.Now, CancellationToken.None);
        _server = await WebServer.StartAsync(
            Arena.Folder, false, ("Proxy__Trusted", TestProxy.Address), ("AllowedHosts", "localhost;127.0.0.1;arena.example"));
        Administrator = await Visitor.SignInAsync(Address, "ada");
        Member = await Visitor.SignInAsync(Address, "bob");
        Assert.Equal("succeeded", (await Arena.WaitAsync(Run, r => RunState.Parse(r.State).IsFinal)).State);
        Assert.Equal("stopped", (await Arena.WaitAsync(StoppedRun, r => RunState.Parse(r.State).IsFinal)).State);
    }

    public async ValueTask DisposeAsync()
    {
        Administrator?.Dispose();
        Member?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (Arena is not null) await Arena.DisposeAsync();
    }

    /// <summary>An address in which {competition}, {run} and {stopped} stand for their ids.</summary>
    public string Path(string pattern) => pattern
        .Replace("{competition}", Arena.Competition.Id, StringComparison.Ordinal)
        .Replace("{run}", Run, StringComparison.Ordinal)
        .Replace("{stopped}", StoppedRun, StringComparison.Ordinal);

    /// <summary>Makes a competition without files.</summary>
    internal async Task<Competition> MakeCompetitionAsync(string name)
    {
        var competition = await Arena.Get<CompetitionLibrary>().CreateAsync(name);
        await Arena.Store.PutAsync(competition);
        return competition;
    }
}

using System.Net;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using LoraArena.Tests.Support;
using Microsoft.AspNetCore.SignalR.Client;

namespace LoraArena.Web.Tests;

/// <summary>What an account may do ends when it is changed or signs out, also for connections that were open before.</summary>
public sealed class SessionTests(ArenaServer server)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SigningOut_EndsTheConnectionsOfThatSession_AndNoOthers()
    {
        await AddAsync("carol");
        using var here = await Visitor.SignInAsync(server.Address, "carol");
        using var elsewhere = await Visitor.SignInAsync(server.Address, "carol");
        await using var mine = await OpenAsync(here);
        await using var other = await OpenAsync(elsewhere);
        using var copy = new Visitor(server.Address);
        copy.Cookies.Add(here.Cookies.GetAllCookies());

        Assert.Equal(HttpStatusCode.Found, (await here.SignOutAsync()).StatusCode);
        await mine.Closed;
        Assert.False(other.Closed.IsCompleted);
        Assert.Equal(HttpStatusCode.OK, (await elsewhere.PageAsync("/runs")).StatusCode);

        // A copy of the cookie is worth nothing any more.
        Assert.Equal(HttpStatusCode.Found, (await copy.PageAsync("/runs")).StatusCode);
    }

    [Fact]
    public async Task AccountsThatAreChangedByAnotherProcess_LoseTheirConnections()
    {
        (string Name, Func<Accounts, string, Task<Account>> Change)[] cases =
        [
            ("dan", (accounts, name) => accounts.SetRoleAsync(name, ArenaRoles.Member, Cancel)),
            ("erin", (accounts, name) => accounts.SetLockedAsync(name, true, Cancel)),
            ("frank", (accounts, name) => accounts.DeleteAsync(name, Cancel)),
            ("grace", (accounts, name) => accounts.SetPasswordAsync(name, "another horse", Cancel)),
            ("leo", (_, name) => Task.FromResult(new Account(name, ArenaRoles.Administrator))),
        ];
        var open = new Dictionary<string, (Visitor Visitor, OpenConnection Connection)>(StringComparer.Ordinal);
        foreach (var (name, _) in cases)
        {
            await AddAsync(name, ArenaRoles.Administrator);
            var visitor = await Visitor.SignInAsync(server.Address, name);
            Assert.Equal(HttpStatusCode.OK, (await visitor.PageAsync("/users")).StatusCode);
            open[name] = (visitor, await OpenAsync(visitor));
        }

        foreach (var (name, change) in cases) await server.Arena.WithAccountsAsync(accounts => change(accounts, name));

        // The next request is refused; the connection ends when the server looks.
        foreach (var (name, (visitor, connection)) in open.Where(o => o.Key != "leo"))
        {
            Assert.Equal("/account/login", (await visitor.PageAsync("/users")).Headers.Location!.AbsolutePath);
            await connection.Closed;
            await connection.DisposeAsync();
            visitor.Dispose();
        }

        Assert.Equal(HttpStatusCode.OK, (await open["leo"].Visitor.PageAsync("/users")).StatusCode);
        Assert.False(open["leo"].Connection.Closed.IsCompleted);
        await open["leo"].Connection.DisposeAsync();
        open["leo"].Visitor.Dispose();
    }

    [Fact]
    public async Task ANewPassword_KeepsThisSessionAndEndsTheOthers()
    {
        await AddAsync("heidi");
        using var here = await Visitor.SignInAsync(server.Address, "heidi");
        using var elsewhere = await Visitor.SignInAsync(server.Address, "heidi");
        await using var other = await OpenAsync(elsewhere);

        var wrong = await here.ChangePasswordAsync("not the password", "a brand new horse");
        Assert.Contains("The present password is wrong.", await wrong.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        var shorter = await here.ChangePasswordAsync(Visitor.Password, "short");
        Assert.Contains("at least 10", await shorter.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.False(other.Closed.IsCompleted);

        var changed = await here.ChangePasswordAsync(Visitor.Password, "a brand new horse");
        Assert.Contains("The password is changed.", await changed.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await here.PageAsync("/runs")).StatusCode);
        await other.Closed;
        Assert.Equal(HttpStatusCode.Found, (await elsewhere.PageAsync("/runs")).StatusCode);
        using var again = new Visitor(server.Address);
        Assert.Equal(HttpStatusCode.OK, (await again.SignInAsync("heidi", Visitor.Password)).StatusCode);
        Assert.Equal(HttpStatusCode.Found, (await again.SignInAsync("heidi", "a brand new horse")).StatusCode);
    }

    [Fact]
    public async Task ALockedAccount_IsToldSoToItsOwnerAlone()
    {
        await AddAsync("ivan");
        await server.Arena.WithAccountsAsync(accounts => accounts.SetLockedAsync("ivan", true, Cancel));
        using var visitor = new Visitor(server.Address);
        Assert.Contains("Name or password is wrong.", await TextAsync(visitor, "a guess or two"), StringComparison.Ordinal);
        Assert.Contains("This account is locked.", await TextAsync(visitor, Visitor.Password), StringComparison.Ordinal);
        await server.Arena.WithAccountsAsync(accounts => accounts.SetLockedAsync("ivan", false, Cancel));
        Assert.Equal(HttpStatusCode.Found, (await visitor.SignInAsync("ivan", Visitor.Password)).StatusCode);
    }

    private static async Task<string> TextAsync(Visitor visitor, string password)
        => await (await visitor.SignInAsync("ivan", password)).Content.ReadAsStringAsync(Cancel);

    private Task<Account> AddAsync(string name, string role = ArenaRoles.Member)
        => server.Arena.WithAccountsAsync(accounts => accounts.AddAsync(name, Visitor.Password, role, Cancel));

    private async Task<OpenConnection> OpenAsync(Visitor visitor)
    {
        var connection = new HubConnectionBuilder().WithUrl(new Uri(server.Address, "/hubs/runs"), options => options.Cookies = visitor.Cookies).Build();
        var closed = new TaskCompletionSource();
        connection.Closed += _ =>
        {
            closed.TrySetResult();
            return Task.CompletedTask;
        };
        await connection.StartAsync(Cancel);
        return new OpenConnection(connection, closed.Task.WaitAsync(TimeSpan.FromMinutes(10), Cancel));
    }

    private sealed record OpenConnection(HubConnection Connection, Task Closed) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Connection.DisposeAsync();
    }
}

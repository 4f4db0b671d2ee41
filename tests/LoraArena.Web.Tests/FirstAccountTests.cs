using System.Net;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using LoraArena.Tests.Support;
using LoraArena.Web.Setup;
using Microsoft.AspNetCore.Http;

namespace LoraArena.Web.Tests;

/// <summary>A new arena belongs to whoever makes its first account, and to nobody else afterwards.</summary>
public sealed class FirstAccountTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TheFirstAccountIsTheAdministrators_AndNobodyElseMakesOne()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        await using var server = await WebServer.StartAsync(arena.Folder);
        using var ada = new Visitor(server.Address);
        using var late = new Visitor(server.Address);

        // Every page leads to registration while there is no account.
        var home = await ada.PageAsync("/");
        Assert.Equal("/account/login", home.Headers.Location!.AbsolutePath);
        var login = await ada.PageAsync(home.Headers.Location.PathAndQuery);
        Assert.Equal(HttpStatusCode.Found, login.StatusCode);
        Assert.EndsWith("/account/register", login.Headers.Location!.ToString(), StringComparison.Ordinal);

        // Both have the form open; a post without its token is refused.
        var token = await ada.FormTokenAsync("/account/register");
        var lateToken = await late.FormTokenAsync("/account/register");
        Assert.Equal(HttpStatusCode.BadRequest, (await ada.RegisterAsync("", "ada", Visitor.Password, Visitor.Password)).StatusCode);
        Assert.False(await arena.Get<Accounts>().AnyAsync(Cancel));

        var registered = await ada.RegisterAsync(token, "ada", Visitor.Password, Visitor.Password);
        Assert.Equal(HttpStatusCode.Found, registered.StatusCode);
        Assert.True(ada.IsSignedIn);
        Assert.Equal(HttpStatusCode.OK, (await ada.PageAsync("/users")).StatusCode);

        // Who was second gets a sentence, not an account.
        var refused = await late.RegisterAsync(lateToken, "eve", Visitor.Password, Visitor.Password);
        Assert.False(late.IsSignedIn);
        Assert.Contains("This arena has its first account already", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.DoesNotContain("<form", await (await late.PageAsync("/account/register")).Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal([new Account("ada", ArenaRoles.Administrator)], await arena.Get<Accounts>().ListAsync(Cancel));

        // Signing in never leads to another site.
        var signedIn = await late.SignInAsync("ada", Visitor.Password, "?ReturnUrl=" + Uri.EscapeDataString("//elsewhere.example/"));
        Assert.True(late.IsSignedIn);
        Assert.Equal(server.Address, new Uri(server.Address, signedIn.Headers.Location!));
    }

    [Fact]
    public async Task WhoGuessesPasswords_IsSlowedDown_AndToldForHowLong()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        await arena.Get<Accounts>().AddFirstAsync("ada", Visitor.Password, Cancel);
        await arena.Get<Accounts>().AddAsync("bob", Visitor.Password, ArenaRoles.Member, Cancel);
        await using var server = await WebServer.StartAsync(arena.Folder);
        using var eve = new Visitor(server.Address);

        // Looking at the form is no guess.
        for (var i = 0; i < 40; i++) Assert.Equal(HttpStatusCode.OK, (await eve.PageAsync("/account/login")).StatusCode);
        for (var i = 0; i < 10; i++)
        {
            var wrong = await eve.SignInAsync("nobody", $"guess number {i}");
            Assert.Equal(HttpStatusCode.OK, wrong.StatusCode);
            Assert.Contains("Name or password is wrong.", await wrong.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        var refused = await eve.SignInAsync("NOBODY", "guess number 10");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal("text/html", refused.Content.Headers.ContentType!.MediaType);
        Assert.Matches(@"Too many failed attempts\. Try again in \d{1,2} seconds\.", await refused.Content.ReadAsStringAsync(Cancel));

        // Others, and the same client under another name, are not held up; a client that tries many names is.
        using var ada = new Visitor(server.Address, from: "127.0.0.9");
        Assert.Equal(HttpStatusCode.Found, (await ada.SignInAsync("ada", Visitor.Password)).StatusCode);
        using var bob = new Visitor(server.Address);
        Assert.Equal(HttpStatusCode.Found, (await bob.SignInAsync("bob", Visitor.Password)).StatusCode);
        for (var i = 0; i < 20; i++) await eve.SignInAsync($"name{i}", "another guess");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await eve.SignInAsync("bob", Visitor.Password)).StatusCode);
        Assert.False(eve.IsSignedIn);
    }

    [Fact]
    public async Task GuessesAtOnce_AreCountedBeforeTheyAreChecked_AndKeepNobodyElseOut()
    {
        await using var arena = await TestArena.CreateEmptyAsync();
        await arena.Get<Accounts>().AddFirstAsync("ada", Visitor.Password, Cancel);
        await using var server = await WebServer.StartAsync(arena.Folder);
        using var eve = new Visitor(server.Address, from: "127.0.0.8");

        // The cookie that all her forms share.
        await eve.PageAsync("/account/login");
        var answers = await Task.WhenAll(Enumerable.Range(0, 2 * SignInThrottle.MaxOfName).Select(i => eve.SignInAsync("ada", $"guess number {i}")));
        Assert.Equal(SignInThrottle.MaxOfName, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.Equal(SignInThrottle.MaxOfName, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));

        // Whose name it is signs in, from where nobody has guessed.
        using var ada = new Visitor(server.Address, from: "127.0.0.9");
        Assert.Equal(HttpStatusCode.Found, (await ada.SignInAsync("ada", Visitor.Password)).StatusCode);
        Assert.True(ada.IsSignedIn);
    }

    [Fact]
    public void WhoSignsInOftenAndRightly_IsNotSlowedDown_AndLongNamesTakeNoRoom()
    {
        var throttle = new SignInThrottle(TimeProvider.System);
        var client = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Loopback } };
        for (var i = 0; i < 3 * SignInThrottle.MaxOfClient; i++)
        {
            Assert.Null(throttle.Begin(client, "ada"));
            throttle.Succeeded(client, "ada");
        }

        for (var i = 0; i < SignInThrottle.MaxOfName; i++) Assert.Null(throttle.Begin(client, new string('x', 100) + i));
        Assert.NotNull(throttle.Begin(client, new string('x', 200)));
        Assert.Null(throttle.Begin(client, "ada"));
    }
}

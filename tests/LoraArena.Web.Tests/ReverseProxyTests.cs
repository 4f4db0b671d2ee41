using System.Net;
using LoraArena.Tests.Support;
using LoraArena.Web.Hubs;
using Microsoft.AspNetCore.SignalR.Client;

namespace LoraArena.Web.Tests;

/// <summary>
/// Behind a reverse proxy that takes off TLS and a path, the app works as its users see it; what strangers claim to have been forwarded is
/// not believed.
/// </summary>
public sealed class ReverseProxyTests(ArenaServer server) : IAsyncLifetime
{
    private const string Prefix = "/arena";
    private TestProxy _proxy = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Where people find the app.</summary>
    private Uri Public => new($"https://arena.example:{_proxy.Port}{Prefix}/");

    public async ValueTask InitializeAsync() => _proxy = await TestProxy.StartAsync(server.Address, Prefix, tls: true);

    public ValueTask DisposeAsync() => _proxy.DisposeAsync();

    [Fact]
    public async Task SigningIn_StaysUnderThePath_WithCookiesForTlsAlone()
    {
        using var visitor = Visit();
        var home = await visitor.PageAsync("/runs");
        Assert.Equal(new Uri(Public, "account/login?ReturnUrl=%2Farena%2Fruns"), new Uri(Public, home.Headers.Location!));
        Assert.Equal("max-age=31536000", Assert.Single(home.Headers.GetValues("Strict-Transport-Security")));

        var form = await visitor.PageAsync("/account/login");
        Assert.Contains("<base href=\"/arena/\"", await form.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        var signedIn = await visitor.SignInAsync("bob", Visitor.Password, "?ReturnUrl=%2Farena%2Fruns");
        Assert.Equal(new Uri(Public, "runs"), new Uri(Public, signedIn.Headers.Location!));
        var cookies = form.Headers.GetValues("Set-Cookie").Concat(signedIn.Headers.GetValues("Set-Cookie")).ToList();
        Assert.Equal(2, cookies.Count);
        Assert.All(cookies, cookie => Assert.Matches(@"(?i)path=/arena\b.*\bsecure\b", cookie));
        Assert.Equal(HttpStatusCode.OK, (await visitor.PageAsync("/runs")).StatusCode);

        var signedOut = await visitor.SignOutAsync();
        Assert.Equal(new Uri(Public, "account/login"), new Uri(Public, signedOut.Headers.Location!));
        Assert.False(visitor.IsSignedIn);
    }

    [Fact]
    public async Task WithoutTls_CookiesAreAsBefore_AndNothingIsSaidOfStrictTransport()
    {
        using var visitor = new Visitor(server.Address);
        var form = await visitor.PageAsync("/account/login");
        Assert.DoesNotContain("secure", Assert.Single(form.Headers.GetValues("Set-Cookie")), StringComparison.OrdinalIgnoreCase);
        Assert.False(form.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public async Task GuessesAreCounted_ByTheClientBehindTheProxy()
    {
        using var eve = Visit(from: "127.0.0.3");
        for (var i = 0; i < 10; i++) await eve.SignInAsync("mallory", $"guess number {i}");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await eve.SignInAsync("mallory", "guess number 10")).StatusCode);
        using var other = Visit(from: "127.0.0.4");
        Assert.Equal(HttpStatusCode.OK, (await other.SignInAsync("mallory", "guess number 11")).StatusCode);
    }

    [Fact]
    public async Task WhatAStrangerSaysWasForwarded_IsNotBelieved()
    {
        using var handler = TestProxy.From(IPAddress.Loopback, new IPEndPoint(IPAddress.Loopback, server.Address.Port));
        using var client = new HttpClient(handler) { BaseAddress = server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "account/login");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "arena.example");
        request.Headers.Add("X-Forwarded-Prefix", "/elsewhere");
        var answer = await client.SendAsync(request, Cancel);
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
        Assert.Contains("<base href=\"/\"", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewsOfRuns_ComeThroughTheProxy_AndNotToPagesOfOtherSites()
    {
        using var visitor = Visit();
        await visitor.SignInAsync("bob", Visitor.Password);
        await using var connection = Connect(visitor, Public.GetLeftPart(UriPartial.Authority));
        await connection.StartAsync(Cancel);
        var messages = await connection.StreamAsync<RunMessage>("Watch", server.Run, Cancel).ToListAsync(Cancel);
        Assert.Equal("succeeded", Assert.Single(messages).State);
        await using var foreign = Connect(visitor, "https://elsewhere.example");
        await Assert.ThrowsAnyAsync<Exception>(() => foreign.StartAsync(Cancel));
    }

    private Visitor Visit(string? from = null) => new(Public, from, _proxy.Port);

    // A web socket and nothing else, as a browser opens one.
    private HubConnection Connect(Visitor visitor, string origin) => new HubConnectionBuilder()
        .WithUrl(new Uri(Public, "hubs/runs"), options =>
        {
            options.SkipNegotiation = true;
            options.Transports = Microsoft.AspNetCore.Http.Connections.HttpTransportType.WebSockets;
            options.WebSocketFactory = async (context, cancel) =>
            {
                var socket = new System.Net.WebSockets.ClientWebSocket();
                socket.Options.SetRequestHeader("Cookie", visitor.Cookies.GetCookieHeader(Public));
                socket.Options.SetRequestHeader("Origin", origin);
                var handler = TestProxy.From(IPAddress.Loopback, new IPEndPoint(IPAddress.Loopback, _proxy.Port));
                await socket.ConnectAsync(new UriBuilder(Public) { Scheme = "wss", Path = $"{Prefix}/hubs/runs" }.Uri, new HttpMessageInvoker(handler), cancel);
                return socket;
            };
        })
        .Build();
}

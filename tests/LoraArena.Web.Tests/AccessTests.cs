using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace LoraArena.Web.Tests;

/// <summary>Nothing of an arena is shown or done without a sign-in; each refusal stands beside what somebody signed in gets.</summary>
public sealed class AccessTests(ArenaServer server)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/")]
    [InlineData("/runs")]
    [InlineData("/models")]
    [InlineData("/users")]
    [InlineData("/competitions/{competition}")]
    [InlineData("/competitions/{competition}?tab=data")]
    [InlineData("/competitions/{competition}/new-run")]
    [InlineData("/runs/{run}")]
    public async Task APage_LeadsToSignInAndBack(string page)
    {
        var path = server.Path(page);
        using var stranger = new Visitor(server.Address);
        var answer = await stranger.PageAsync(path);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal("/account/login", answer.Headers.Location!.AbsolutePath);
        Assert.Equal("?ReturnUrl=" + Uri.EscapeDataString(path), answer.Headers.Location.Query, ignoreCase: true);
        Assert.Equal(HttpStatusCode.OK, (await server.Administrator.PageAsync(path)).StatusCode);
    }

    [Theory]
    [InlineData("/runs/{run}/submission.csv")]
    [InlineData("/runs/{run}/predictions.csv")]
    [InlineData("/runs/{run}/journal.jsonl")]
    [InlineData("/runs/{run}/log.txt")]
    [InlineData("/runs/{run}/spec.json")]
    public async Task ADownload_IsRefusedToStrangers(string download)
    {
        using var stranger = new Visitor(server.Address);
        var refused = await stranger.GetAsync(server.Path(download));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Empty(await refused.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal(HttpStatusCode.OK, (await server.Member.GetAsync(server.Path(download))).StatusCode);
    }

    [Theory]
    [InlineData("/hubs/runs/negotiate?negotiateVersion=1")]
    [InlineData("/_blazor/negotiate?negotiateVersion=1")]
    public async Task ALiveConnection_IsRefusedToStrangers(string hub)
    {
        using var stranger = new Visitor(server.Address);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.PostAsync(hub)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Member.PostAsync(hub)).StatusCode);
    }

    [Fact]
    public async Task TheAccountsPage_IsForAdministrators()
    {
        var answer = await server.Member.PageAsync("/users");
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal("/account/denied", answer.Headers.Location!.AbsolutePath);
        Assert.Equal(HttpStatusCode.OK, (await server.Administrator.PageAsync("/users")).StatusCode);
    }

    [Fact]
    public async Task ASocketOfAnotherSite_IsRefused()
    {
        await ConnectAsync(server.Address.GetLeftPart(UriPartial.Authority));
        var error = await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync("https://elsewhere.example"));
        Assert.Contains("403", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SigningOut_NeedsTheTokenOfThePage()
    {
        using var visitor = await Visitor.SignInAsync(server.Address, "bob");
        using var bare = new StringContent("", Encoding.UTF8, "application/x-www-form-urlencoded");
        Assert.Equal(HttpStatusCode.BadRequest, (await visitor.PostAsync("/account/logout", bare)).StatusCode);
        Assert.True(visitor.IsSignedIn);

        using var form = new FormUrlEncodedContent([new("__RequestVerificationToken", await visitor.TokenAsync())]);
        Assert.Equal(HttpStatusCode.Found, (await visitor.PostAsync("/account/logout", form)).StatusCode);
        Assert.False(visitor.IsSignedIn);
    }

    private async Task ConnectAsync(string origin)
    {
        using var socket = new ClientWebSocket();
        socket.Options.Cookies = server.Member.Cookies;
        socket.Options.SetRequestHeader("Origin", origin);
        await socket.ConnectAsync(new UriBuilder(server.Address) { Scheme = "ws", Path = "/hubs/runs" }.Uri, Cancel);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
    }
}

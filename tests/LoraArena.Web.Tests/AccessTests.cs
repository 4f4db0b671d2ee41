using System.Net;

namespace LoraArena.Web.Tests;

public sealed class AccessTests(RunningApp app) : IClassFixture<RunningApp>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void BeforeThereIsAnAccount_APageLeadsToRegistration()
        => Assert.StartsWith("/account/", app.FirstVisit.Headers.Location!.IsAbsoluteUri ? app.FirstVisit.Headers.Location.AbsolutePath : app.FirstVisit.Headers.Location.OriginalString, StringComparison.Ordinal);

    [Theory]
    [InlineData("/")]
    [InlineData("/models")]
    [InlineData("/runs")]
    public async Task APage_IsForWhoIsSignedIn(string path)
    {
        using var stranger = await app.Stranger.SendAsync(RunningApp.Page(path), Cancel);
        using var signedIn = await app.SignedIn.SendAsync(RunningApp.Page(path), Cancel);

        Assert.Equal(HttpStatusCode.Redirect, stranger.StatusCode);
        Assert.Contains("/account/login", stranger.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
    }

    [Theory]
    [InlineData("GET", "/runs/01m8aaaaaaaaaaaaaaaaaaaaaa/submission.csv")]
    [InlineData("GET", "/runs/01m8aaaaaaaaaaaaaaaaaaaaaa/journal.jsonl")]
    [InlineData("POST", "/hubs/runs/negotiate?negotiateVersion=1")]
    public async Task WhatIsNoPage_AnswersAStrangerWithAStatus(string method, string path)
    {
        using var stranger = await app.Stranger.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancel);
        using var signedIn = await app.SignedIn.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancel);

        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        Assert.Equal(method == "POST" ? HttpStatusCode.OK : HttpStatusCode.NotFound, signedIn.StatusCode);
    }

    [Fact]
    public async Task Registration_IsClosedOnceThereIsAnAccount()
    {
        using var page = await app.Stranger.SendAsync(RunningApp.Page("/account/register"), Cancel);
        var html = await page.Content.ReadAsStringAsync(Cancel);

        Assert.Contains("made by its administrators", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<form", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnUpload_WithoutThePagesTokenIsRefused()
    {
        using var answer = await app.SignedIn.PostAsync($"/competitions/{app.Competition}/files?name=train.csv", new StringContent("id,prompt\n"), Cancel);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("page has expired", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task APage_ThatIsNotThereSaysSo()
    {
        using var page = await app.SignedIn.SendAsync(RunningApp.Page("/no-such-page"), Cancel);

        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
        Assert.Contains("<!DOCTYPE html>", await page.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/runs/..%2F..%2Farena.db/journal.jsonl")]
    [InlineData("/runs/not-an-id/log.txt")]
    public async Task ADownload_OfNoRunIsNotFound(string path)
    {
        using var answer = await app.SignedIn.GetAsync(path, Cancel);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Pages_AskNoOtherHost_AndForbidIt()
    {
        using var page = await app.SignedIn.SendAsync(RunningApp.Page("/"), Cancel);
        var html = await page.Content.ReadAsStringAsync(Cancel);

        Assert.DoesNotMatch("(src|href)=\"(https?:)?//", html);
        Assert.Contains("default-src 'self'", string.Join(' ', page.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(page.Headers.GetValues("X-Content-Type-Options")));
    }

    [Fact]
    public void TheSignInCookie_IsNotForScripts()
        => Assert.Contains(app.Cookies.GetAllCookies(), cookie => cookie is { Name: "arena", HttpOnly: true });
}

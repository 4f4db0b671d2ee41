using System.Net;
using System.Text.RegularExpressions;

namespace LoraArena.Web.Tests;

/// <summary>What holds of every answer: headers, cookies, and that nothing comes from another host.</summary>
public sealed partial class AnswersTests(ArenaServer server)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/")]
    [InlineData("/account/denied")]
    [InlineData("/css/app.css")]
    [InlineData("/health")]
    [InlineData("/runs/{run}/log.txt")]
    [InlineData("/nothing-here")]
    public async Task EveryAnswer_CarriesTheSecurityHeaders(string path)
    {
        var answer = await server.Member.PageAsync(server.Path(path));
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy")).Split(';', StringSplitOptions.TrimEntries);
        Assert.Contains("default-src 'self'", policy);
        Assert.Contains("script-src 'self'", policy);
        Assert.Contains("object-src 'none'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/account/denied")]
    [InlineData("/css/app.css")]
    public async Task NothingIsLoadedFromAnotherHost(string path)
    {
        var text = await (await server.Member.PageAsync(path)).Content.ReadAsStringAsync(Cancel);
        var references = Reference().Matches(text).Select(m => m.Groups[1].Value + m.Groups[2].Value).ToList();
        Assert.NotEmpty(references);
        Assert.All(references, reference => Assert.DoesNotContain("//", reference, StringComparison.Ordinal));
    }

    [Fact]
    public async Task APageThatIsNotThere_SaysSo_WithItsStatus()
    {
        var answer = await server.Member.PageAsync("/nothing-here");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task Health_IsToldToAnybody()
    {
        using var stranger = new Visitor(server.Address);
        var answer = await stranger.GetAsync("/health");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("Healthy", await answer.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task Cookies_AreKeptFromScriptsAndOtherSites()
    {
        using var visitor = new Visitor(server.Address);
        var form = await visitor.PageAsync("/account/login");
        var antiforgery = Assert.Single(form.Headers.GetValues("Set-Cookie"));
        Assert.Contains("httponly", antiforgery, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", antiforgery, StringComparison.OrdinalIgnoreCase);

        var signedIn = await visitor.SignInAsync("bob", Visitor.Password);
        var cookie = Assert.Single(signedIn.Headers.GetValues("Set-Cookie"), c => c.StartsWith("arena=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [GeneratedRegex("""(?:src|href|action)="([^"]*)"|url\(['"]?([^)'"]*)""")]
    private static partial Regex Reference();
}

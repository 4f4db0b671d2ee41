using System.Net;
using System.Text.RegularExpressions;
using LoraArena.Core.Runs;
using LoraArena.Tests.Support;

namespace LoraArena.Web.Tests;

/// <summary>The real app on an arena with a small competition, and its first account, which is signed in.</summary>
public sealed partial class RunningApp : IAsyncLifetime
{
    private TestArena? _arena;
    private WebServer? _server;

    /// <summary>Cookies of the account.</summary>
    public CookieContainer Cookies { get; } = new();

    public HttpClient SignedIn { get; private set; } = null!;

    public HttpClient Stranger { get; private set; } = null!;

    public string Competition => _arena!.Competition.Id;

    public string Store => _arena!.Folder.Root;

    public async ValueTask InitializeAsync()
    {
        _arena = await TestArena.CreateAsync();
        _server = await WebServer.StartAsync(_arena.Folder);
        Stranger = Client(new CookieContainer());
        SignedIn = Client(Cookies);
        FirstVisit = await Stranger.SendAsync(Page("/"));
        using var made = await PostFormAsync(SignedIn, "/account/register", new Dictionary<string, string> { ["Posted.Name"] = "ada", ["Posted.Password"] = "correct horse battery", ["Posted.Repeat"] = "correct horse battery" });
        Assert.Equal(HttpStatusCode.Redirect, made.StatusCode);
    }

    /// <summary>What a stranger got before there was an account.</summary>
    public HttpResponseMessage FirstVisit { get; private set; } = null!;

    /// <summary>A request as a browser makes it for a page.</summary>
    public static HttpRequestMessage Page(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/html");
        return request;
    }

    /// <summary>Fills in a page's form and posts it.</summary>
    public static async Task<HttpResponseMessage> PostFormAsync(HttpClient client, string path, Dictionary<string, string> fields)
    {
        using var page = await client.SendAsync(Page(path));
        var html = await page.Content.ReadAsStringAsync();
        var all = HiddenField().Matches(html).ToDictionary(match => match.Groups[1].Value, match => WebUtility.HtmlDecode(match.Groups[2].Value), StringComparer.Ordinal);
        foreach (var (name, value) in fields) all[name] = value;
        return await client.PostAsync(path, new FormUrlEncodedContent(all));
    }

    public Task<string> StartRunAsync(TrainingOptions options) => _arena!.StartAsync(options);

    public async ValueTask DisposeAsync()
    {
        SignedIn?.Dispose();
        Stranger?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (_arena is not null) await _arena.DisposeAsync();
    }

    public Uri Address => _server!.Address;

    private HttpClient Client(CookieContainer cookies) => new(new HttpClientHandler { CookieContainer = cookies, AllowAutoRedirect = false }) { BaseAddress = _server!.Address };

    [GeneratedRegex("""<input type="hidden" name="([^"]*)" value="([^"]*)" """)]
    private static partial Regex HiddenField();
}

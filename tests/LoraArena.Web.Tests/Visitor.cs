using System.Net;
using System.Text.RegularExpressions;
using LoraArena.Tests.Support;

namespace LoraArena.Web.Tests;

/// <summary>Somebody with a browser's cookies and habits, who follows no redirect unasked.</summary>
internal sealed partial class Visitor : IDisposable
{
    public const string Password = "correct horse";

    private readonly CookieContainer _cookies = new();
    private readonly HttpClient _client;
    private readonly Uri _address;
    private string? _token;

    /// <param name="address">Where the app is, from here.</param>
    /// <param name="from">The address to come from, of this host's many; null takes the usual one.</param>
    /// <param name="port">Where to connect to on loopback, where the address has a name of its own.</param>
    public Visitor(Uri address, string? from = null, int? port = null)
    {
        _address = address;
        var handler = TestProxy.From(IPAddress.Parse(from ?? "127.0.0.1"), new IPEndPoint(IPAddress.Loopback, port ?? address.Port));
        (handler.UseCookies, handler.CookieContainer, handler.Expect100ContinueTimeout) = (true, _cookies, TimeSpan.FromSeconds(20));
        _client = new HttpClient(handler) { BaseAddress = address };
    }

    public CookieContainer Cookies => _cookies;

    /// <summary>True if there is a sign-in cookie.</summary>
    public bool IsSignedIn => _cookies.GetCookies(_address)["arena"] is { Value.Length: > 0 };

    public static async Task<Visitor> SignInAsync(Uri address, string name)
    {
        var visitor = new Visitor(address);
        var answer = await visitor.SignInAsync(name, Password);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.True(visitor.IsSignedIn);
        return visitor;
    }

    /// <summary>Asks for a page, as a browser does.</summary>
    public async Task<HttpResponseMessage> PageAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path.TrimStart('/'));
        request.Headers.Accept.ParseAdd("text/html");
        return await _client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => _client.GetAsync(path.TrimStart('/'), TestContext.Current.CancellationToken);

    public Task<HttpResponseMessage> PostAsync(string path, HttpContent? content = null)
        => _client.PostAsync(path.TrimStart('/'), content, TestContext.Current.CancellationToken);

    /// <summary>Uploads a file with a token that is valid for this visitor.</summary>
    public async Task<HttpResponseMessage> UploadAsync(string competition, string name, HttpContent content, bool expectContinue = false, bool replace = false)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, UploadPath(competition, name).TrimStart('/') + (replace ? "&replace=true" : ""))
        { Content = content };
        request.Headers.Add("RequestVerificationToken", await TokenAsync());
        request.Headers.ExpectContinue = expectContinue;
        return await _client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public static string UploadPath(string competition, string name)
        => $"/competitions/{Uri.EscapeDataString(competition)}/files?name={Uri.EscapeDataString(name)}";

    /// <summary>Fills in and posts the sign-in form.</summary>
    public async Task<HttpResponseMessage> SignInAsync(string name, string password, string query = "")
        => await PostFormAsync("/account/login" + query, "login", await FormTokenAsync("/account/login"), ("Name", name), ("Password", password));

    /// <summary>Fills in and posts the form that changes the visitor's own password.</summary>
    public async Task<HttpResponseMessage> ChangePasswordAsync(string present, string password)
        => await PostFormAsync(
            "/account/password", "password", await FormTokenAsync("/account/password"), ("Present", present), ("Password", password),
            ("Repeat", password));

    /// <summary>Signs out, as the button does.</summary>
    public async Task<HttpResponseMessage> SignOutAsync()
    {
        using var form = new FormUrlEncodedContent([new("__RequestVerificationToken", await FormTokenAsync("/account/login"))]);
        return await PostAsync("/account/logout", form);
    }

    /// <summary>Posts the registration form with a token that was got before.</summary>
    public Task<HttpResponseMessage> RegisterAsync(string token, string name, string password, string repeat)
        => PostFormAsync("/account/register", "register", token, ("Name", name), ("Password", password), ("Repeat", repeat));

    /// <summary>Loads a page with a form and gives its antiforgery token.</summary>
    public async Task<string> FormTokenAsync(string path)
    {
        var html = await (await PageAsync(path)).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var token = TokenField().Match(html);
        Assert.True(token.Success, $"{path} has no form with a token: {html}");
        return token.Groups[1].Value;
    }

    /// <summary>A token that is bound to who this visitor is now.</summary>
    public async Task<string> TokenAsync() => _token ??= await FormTokenAsync("/account/login");

    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> PostFormAsync(string path, string handler, string token, params (string Name, string Value)[] fields)
    {
        var form = fields.Select(f => KeyValuePair.Create("Posted." + f.Name, f.Value)).Append(new("_handler", handler));
        if (token.Length > 0) form = form.Append(new("__RequestVerificationToken", token));
        using var content = new FormUrlEncodedContent(form);
        return await PostAsync(path, content);
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex TokenField();
}

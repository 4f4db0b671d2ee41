using LoraArena.Tests.Support;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>The Chromium of this system, and a page in it that remembers what went wrong.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private Browser(IPlaywright playwright, IBrowser browser, IPage page)
    {
        (_playwright, _browser, Page) = (playwright, browser, page);
        page.Console += (_, message) =>
        {
            if (message.Type == "error") Errors.Add(message.Text);
        };
        page.PageError += (_, error) => Errors.Add(error);
        page.Response += (_, response) =>
        {
            if (response.Status >= 400) Errors.Add($"{response.Status} {response.Url}");
        };
    }

    public IPage Page { get; }

    /// <summary>Errors in the console, in scripts, and answers of 400 and above.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Skips the test where there is no Chromium.</summary>
    public static async Task<Browser> OpenAsync(Uri address)
    {
        var program = Find();
        Assert.SkipWhen(program is null, "No Chromium on the PATH; on Debian: apt install chromium.");
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = program, Args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"] });
        var page = await browser.NewPageAsync(new BrowserNewPageOptions { BaseURL = address.ToString(), ViewportSize = new ViewportSize { Width = 1280, Height = 800 }, ColorScheme = ColorScheme.Light });
        page.SetDefaultTimeout(60_000);
        return new Browser(playwright, browser, page);
    }

    /// <summary>Makes the first account of an arena.</summary>
    public async Task RegisterAsync()
    {
        await Page.GotoAsync("/");
        await Page.FillAsync("#name", "ada");
        await Page.FillAsync("#password", "correct horse battery");
        await Page.FillAsync("#repeat", "correct horse battery");
        await Page.ClickAsync("button[type=submit]");
        await ReadyAsync();
    }

    /// <summary>Goes to a page and waits until it answers clicks.</summary>
    public async Task GoAsync(string path)
    {
        await Page.GotoAsync(path);
        await ReadyAsync();
    }

    public Task ReadyAsync() => Page.WaitForSelectorAsync("main[data-interactive=true]");

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }

    private static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => new[] { "chromium", "chromium-browser", "google-chrome" }.Select(name => Path.Join(folder, name)))
        .FirstOrDefault(File.Exists);
}

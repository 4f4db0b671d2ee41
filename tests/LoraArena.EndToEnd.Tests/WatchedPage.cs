using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>A page of a browser of its own that writes down everything the browser complains of.</summary>
internal sealed class WatchedPage : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _complaints = [];
    private readonly IBrowserContext _context;

    private WatchedPage(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
        page.Console += (_, message) => Note(message.Type == "error", $"console: {message.Text}");
        page.PageError += (_, error) => Note(true, $"script: {error}");
        page.Response += (_, response) => Note(response.Status >= 400, $"HTTP {response.Status}: {response.Url}");

        // A link that downloads is a navigation that the browser breaks off, by design.
        page.RequestFailed += (_, request) => Note(request.Failure != "net::ERR_ABORTED" || !request.IsNavigationRequest, $"{request.Failure}: {request.Url}");
    }

    public IPage Page { get; }

    /// <summary>Errors of the console and of scripts, and requests that failed, in order.</summary>
    public IReadOnlyList<string> Complaints => [.. _complaints];

    public static async Task<WatchedPage> OpenAsync(IBrowser browser, Uri address, ColorScheme theme = ColorScheme.Light, int width = 1280, int height = 800, string? signedIn = null)
    {
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address.ToString(),
            ColorScheme = theme,
            ViewportSize = new ViewportSize { Width = width, Height = height },
            StorageState = signedIn,
        });
        context.SetDefaultTimeout(60_000);
        Assertions.SetDefaultExpectTimeout(60_000);
        return new WatchedPage(context, await context.NewPageAsync());
    }

    public const string Password = "correct horse";

    /// <summary>Signs in through the page.</summary>
    public async Task SignInAsync(string name)
    {
        await Page.GotoAsync("");
        await Page.WaitForURLAsync("**/account/login*");
        await Page.GetByLabel("Name").FillAsync(name);
        await Page.GetByLabel("Password").FillAsync(Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Page.WaitForSelectorAsync("main[data-interactive=true]");
    }

    /// <summary>Another page in the same browser, with the same sign-in.</summary>
    public Task<IPage> OpenAnotherAsync() => _context.NewPageAsync();

    /// <summary>Makes the first account of the arena through the page.</summary>
    public async Task RegisterAsync()
    {
        await Page.GotoAsync("/");
        await Page.WaitForURLAsync("**/account/register");
        await Page.GetByLabel("Name").FillAsync("ada");
        await Page.GetByLabel("Password, at least 10 characters").FillAsync(Password);
        await Page.GetByLabel("Password again").FillAsync(Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await Page.WaitForSelectorAsync("main[data-interactive=true]");
    }

    /// <summary>The sign-in of this page, for other pages.</summary>
    public Task<string> SignInStateAsync() => _context.StorageStateAsync();

    public async ValueTask DisposeAsync() => await _context.CloseAsync();

    private void Note(bool matters, string complaint)
    {
        if (matters) _complaints.Enqueue(complaint);
    }
}

using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>A page that writes down everything the browser complains of.</summary>
internal sealed class WatchedPage : IAsyncDisposable
{
    private const int Width = 1280;
    private const int Height = 800;

    private readonly ConcurrentQueue<string> _complaints = [];
    private readonly IBrowserContext? _own;

    private WatchedPage(IPage page, IBrowserContext? own = null)
    {
        (Page, _own) = (page, own);
        page.Console += (_, message) => Note(message.Type == "error", $"console: {message.Text}");
        page.PageError += (_, error) => Note(true, $"script: {error}");
        page.Response += (_, response) => Note(response.Status >= 400, $"HTTP {response.Status}: {response.Url}");

        // A link that downloads is a navigation that the browser breaks off, by design.
        page.RequestFailed += (_, request) => Note(request.Failure != "net::ERR_ABORTED" || !request.IsNavigationRequest, $"{request.Failure}: {request.Url}");
    }

    public IPage Page { get; }

    /// <summary>Errors of the console and of scripts, and requests that failed, in order.</summary>
    public IReadOnlyList<string> Complaints => [.. _complaints];

    /// <summary>Opens a page with cookies, storage and cache of its own.</summary>
    public static async Task<WatchedPage> OpenAloneAsync(IBrowser browser, Uri address, ColorScheme theme = ColorScheme.Light, string? signedIn = null)
    {
        var context = await NewContextAsync(browser, address, theme, signedIn);
        return new WatchedPage(await context.NewPageAsync(), context);
    }

    /// <summary>Opens a page that shares cookies, storage and cache with the others of its context.</summary>
    public static async Task<WatchedPage> OpenAsync(IBrowserContext context, int width = 1280)
    {
        var page = await context.NewPageAsync();
        if (width != Width) await page.SetViewportSizeAsync(width, Height);
        return new WatchedPage(page);
    }

    /// <summary>Cookies, storage and cache for pages of one server. What moves without end stands still.</summary>
    public static async Task<IBrowserContext> NewContextAsync(IBrowser browser, Uri address, ColorScheme theme = ColorScheme.Light, string? signedIn = null)
    {
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address.ToString(),
            ColorScheme = theme,
            ReducedMotion = ReducedMotion.Reduce,
            ViewportSize = new ViewportSize { Width = Width, Height = Height },
            StorageState = signedIn,
        });
        context.SetDefaultTimeout(240_000);
        Assertions.SetDefaultExpectTimeout(240_000);
        return context;
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
    public Task<IPage> OpenAnotherAsync() => Page.Context.NewPageAsync();

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
    public Task<string> SignInStateAsync() => Page.Context.StorageStateAsync();

    public async ValueTask DisposeAsync()
    {
        if (_own is not null) await _own.CloseAsync();
        else await Page.CloseAsync();
    }

    private void Note(bool matters, string complaint)
    {
        if (matters) _complaints.Enqueue(complaint);
    }
}

using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// A browser in which somebody has signed in once, for the pages of many tests: they share its cookies and its cache, so that the app's scripts
/// are fetched and compiled once. A test that signs out or switches the theme opens a page alone.
/// </summary>
/// <param name="address">The server.</param>
/// <param name="signIn">Signs in through a page.</param>
internal sealed class SignedIn(Uri address, Func<WatchedPage, Task> signIn) : IDisposable
{
    private readonly SemaphoreSlim _once = new(1);
    private IBrowserContext? _context;
    private string _state = "";

    /// <summary>Opens a page of it.</summary>
    public async Task<WatchedPage> OpenAsync(IBrowser browser, int width = 1280) => await WatchedPage.OpenAsync(await ContextAsync(browser), width);

    /// <summary>Opens a page that is signed in, and shares nothing else.</summary>
    public async Task<WatchedPage> OpenAloneAsync(IBrowser browser, ColorScheme theme = ColorScheme.Light)
    {
        await ContextAsync(browser);
        return await WatchedPage.OpenAloneAsync(browser, address, theme, _state);
    }

    // The browser ends its contexts when it is closed.
    public void Dispose() => _once.Dispose();

    private async Task<IBrowserContext> ContextAsync(IBrowser browser)
    {
        await _once.WaitAsync();
        try
        {
            if (_context is not null) return _context;
            var context = await WatchedPage.NewContextAsync(browser, address);

            // This page stays open: with the last page of a server the process would end that has compiled its scripts.
            var first = await WatchedPage.OpenAsync(context);
            await signIn(first);
            _state = await first.SignInStateAsync();
            await first.Page.GotoAsync("health");
            return _context = context;
        }
        finally
        {
            _once.Release();
        }
    }
}

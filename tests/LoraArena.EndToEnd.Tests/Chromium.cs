using LoraArena.EndToEnd.Tests;
using Microsoft.Playwright;
using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(Chromium))]

// Only the page in front has the focus, and the tests share one browser: one at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace LoraArena.EndToEnd.Tests;

/// <summary>The Chromium of the host, started once for all tests. Playwright's own browsers are not downloaded.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>The browser; a test that asks for it is skipped where there is none.</summary>
    public IBrowser Browser
    {
        get
        {
            Assert.SkipUnless(
                _browser is not null,
                "There is no Chromium on the PATH. Install one, on Debian and Ubuntu with `apt-get install chromium`, and run the tests again.");
            return _browser;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (Find() is not { } path) return;
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = path, Args = [.. Arguments()] });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.CloseAsync();
        _playwright?.Dispose();
    }

    private static string? Find()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        string[] endings = OperatingSystem.IsWindows() ? [".exe"] : [""];
        return (from name in Names from folder in folders from ending in endings select Path.Join(folder, name + ending)).FirstOrDefault(File.Exists);
    }

    private static IEnumerable<string> Arguments()
    {
        yield return "--disable-gpu";

        // All pages of a server that share a context share a process, and with it the scripts that are compiled.
        yield return "--process-per-site";

        // Chromium's sandbox does not work for root, which containers often run as.
        if (Environment.IsPrivilegedProcess && !OperatingSystem.IsWindows()) yield return "--no-sandbox";
    }
}

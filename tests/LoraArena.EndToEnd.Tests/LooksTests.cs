using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// Every page by day and by night, on a desk and on a phone: nothing sticks out to the side, and axe finds nothing against WCAG 2 A and AA.
/// Where <c>LORAARENA_LOOKS</c> names a folder, a picture of each is left there.
/// </summary>
public sealed class LooksTests(Chromium chromium, ArenaWithARun arena)
{
    private static readonly (string Name, int Width, int Height, ColorScheme Theme)[] Screens =
        [("desk", 1280, 800, ColorScheme.Light), ("tablet", 1024, 800, ColorScheme.Light), ("phone", 400, 800, ColorScheme.Dark)];

    private static readonly AxeRunOptions Wcag = new() { RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] } };

    /// <summary>Pages by name: address, and what is there once the page is whole.</summary>
    private static readonly Dictionary<string, (string Address, string Whole)> Pages = new(StringComparer.Ordinal)
    {
        ["home"] = ("/", ".card"),
        ["board"] = ("/competitions/{competition}", "[data-testid=forest][data-traces]"),
        ["data"] = ("/competitions/{rejections}?tab=data", ".report tbody tr"),
        ["competition-runs"] = ("/competitions/{competition}?tab=runs", "[data-testid=runs] tbody tr"),
        ["new-run"] = ("/competitions/{competition}/new-run", "[data-testid=start]"),
        ["run"] = ("/runs/{run}", "[data-testid=loss-chart][data-points]"),
        ["models"] = ("/models", "[data-testid=models] tbody tr"),
        ["accounts"] = ("/users", "[data-testid=users] tbody tr"),
        ["password"] = ("/account/password", "form"),
        ["run-without-steps"] = ("/runs/{stopped}", "[data-testid=no-steps]"),
        ["not-found"] = ("/nothing-here", "h1"),
    };

    public static TheoryData<string> AllPages => [.. Pages.Keys];

    [Theory]
    [MemberData(nameof(AllPages))]
    public async Task APage_FitsItsScreen_AndCanBeUsedByEverybody(string name)
    {
        var (address, whole) = Pages[name];
        await using var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address, signedIn: await arena.SignInAsync(chromium.Browser));
        await watched.Page.GotoAsync(arena.Path(address));
        await watched.Page.Locator(whole).First.WaitForAsync();
        await LookAsync(watched.Page, name);

        // The browser itself complains of the status 404.
        if (name != "not-found") Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheSignInPage_FitsItsScreen_AndCanBeUsedByEverybody()
    {
        await using var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address);
        await watched.Page.GotoAsync("/");
        await watched.Page.WaitForURLAsync("**/account/login*");
        await LookAsync(watched.Page, "sign-in");
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheThemeOfTheSystem_CanBeSwitched_AndTheChoiceStays()
    {
        await using var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address, ColorScheme.Dark, signedIn: await arena.SignInAsync(chromium.Browser));
        await watched.Page.GotoAsync("/");
        await Assertions.Expect(watched.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await watched.Page.GetByRole(AriaRole.Button, new() { Name = "Switch between light and dark" }).ClickAsync();
        await Assertions.Expect(watched.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "light");
        await watched.Page.ReloadAsync();
        await watched.Page.Locator("main[data-interactive=true]").WaitForAsync();
        Assert.Equal("light", await watched.Page.Locator("html").GetAttributeAsync("data-theme"));
    }

    // Colours depend on the theme and places on the screen: axe looks at each of both, not at each pair.
    private static async Task LookAsync(IPage page, string name)
    {
        foreach (var (screen, width, height, theme) in Screens)
        {
            await page.EmulateMediaAsync(new() { ColorScheme = theme });
            await page.SetViewportSizeAsync(width, height);
            await page.WaitForFunctionAsync("theme => document.documentElement.dataset.theme === theme", theme == ColorScheme.Dark ? "dark" : "light");

            // Fonts have come, and what moves in has arrived.
            await page.EvaluateAsync("() => document.fonts.ready.then(() => Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity).map(a => a.finished.catch(() => {}))))");
            await FitsAsync(page, $"{name} is wider than a screen of {width} pixels");
            if (Environment.GetEnvironmentVariable("LORAARENA_LOOKS") is { Length: > 0 } folder)
            {
                await page.ScreenshotAsync(new() { Path = Path.Join(folder, FormattableString.Invariant($"{name}-{screen}-{theme}.png")), FullPage = true });
            }

            if (screen == "tablet") continue;
            var found = await page.RunAxe(Wcag);
            Assert.NotEmpty(found.Passes);
            Assert.True(found.Violations.Length == 0, $"{name}, {screen}, {theme}:\n" + string.Join('\n', found.Violations.Select(Text)));
        }
    }

    private static async Task FitsAsync(IPage page, string otherwise)
    {
        try
        {
            // A chart follows the width of its page a moment later.
            await page.WaitForFunctionAsync("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth", null, new() { Timeout = 5_000 });
        }
        catch (TimeoutException)
        {
            Assert.Fail(otherwise);
        }
    }

    private static string Text(AxeResultItem violation)
        => $"{violation.Id} ({violation.Help}):\n" + string.Join('\n', violation.Nodes.Select(node => $"  {node.Html}\n    {string.Join("; ", node.Any.Concat(node.All).Concat(node.None).Select(check => check.Message))}"));
}

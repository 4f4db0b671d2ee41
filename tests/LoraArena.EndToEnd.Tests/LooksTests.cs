using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>Every page by day and by night, on a desk and on a phone.</summary>
public sealed class LooksTests(Chromium chromium, ArenaWithARun arena)
{
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
        await Looks.CheckAsync(watched.Page, name);

        // The browser itself complains of the status 404.
        if (name != "not-found") Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheSignInPage_FitsItsScreen_AndCanBeUsedByEverybody()
    {
        await using var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address);
        await watched.Page.GotoAsync("/");
        await watched.Page.WaitForURLAsync("**/account/login*");
        await Looks.CheckAsync(watched.Page, "sign-in");
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
}

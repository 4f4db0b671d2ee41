using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LoraArena.EndToEnd.Tests;

/// <summary>The app without a mouse, and its tables on small screens.</summary>
public sealed class KeyboardTests(Chromium chromium, ArenaWithARun arena)
{
    /// <summary>What has the focus, and the outline that it is drawn with; null where nothing has it.</summary>
    private const string Focused = """
        () => {
          const it = document.activeElement;
          if (!it || it === document.body) return null;
          const style = getComputedStyle(it);
          const box = it.getBoundingClientRect();
          return { what: `${it.tagName} ${it.getAttribute('aria-label') ?? it.textContent.trim().slice(0, 40)} ${Math.round(box.x)},${Math.round(box.y + scrollY)}`, tag: it.tagName, style: style.outlineStyle, width: parseFloat(style.outlineWidth) };
        }
        """;

    [Theory]
    [InlineData("/", 6)]
    [InlineData("/competitions/{competition}", 9)]
    [InlineData("/competitions/{competition}/new-run", 8)]
    [InlineData("/runs/{run}", 9)]
    [InlineData("/models", 6)]
    [InlineData("/users", 6)]
    [InlineData("/account/password", 2)]
    public async Task WhereTheKeyboardIs_IsSeenOnEveryLinkAndButton(string address, int atLeast)
    {
        await using var watched = await OpenAsync(address);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 80; i++)
        {
            await watched.Page.Keyboard.PressAsync("Tab");
            if (await watched.Page.EvaluateAsync<Focus?>(Focused) is not { } focus || focus.Tag is not ("A" or "BUTTON")) continue;

            // What a page loads may come after the first round.
            if (!seen.Add(focus.What) && seen.Count >= atLeast) break;
            Assert.True(focus.Style == "solid" && focus.Width >= 2, $"{focus.What} has the focus and an outline of {focus.Width} px, {focus.Style}");
        }

        Assert.True(seen.Count >= atLeast, $"only these were reached: {string.Join("; ", seen)}");
    }

    [Fact]
    public async Task ADialog_HasTheFocusInItsField_AndClosesOnEscape()
    {
        await using var watched = await OpenAsync("/");
        var page = watched.Page;
        await page.GetByRole(AriaRole.Button, new() { Name = "New competition" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Dialog).GetByLabel("Name")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);

        // A name that is taken is said in the dialog, which stays.
        await page.GetByRole(AriaRole.Button, new() { Name = "New competition" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog).GetByLabel("Name")).ToBeFocusedAsync();
        await page.GetByRole(AriaRole.Dialog).GetByLabel("Name").PressSequentiallyAsync("small");
        await Expect(page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Create" })).ToBeEnabledAsync();
        await page.GetByRole(AriaRole.Dialog).GetByLabel("Name").PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("There is a competition 'small' already");
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheSkipLink_MovesTheFocusToTheContent_OnThePageThatIsShown()
    {
        await using var watched = await OpenAsync("/runs/{run}");
        await watched.Page.Locator(".skip-link").FocusAsync();
        await watched.Page.Keyboard.PressAsync("Enter");
        await Expect(watched.Page.Locator("main")).ToBeFocusedAsync();
        Assert.Equal(arena.Path("/runs/{run}"), new Uri(watched.Page.Url).AbsolutePath);
    }

    [Theory]
    [InlineData("/competitions/{competition}", "board", 400)]
    [InlineData("/competitions/{competition}", "board", 1024)]
    [InlineData("/runs", "runs", 400)]
    [InlineData("/models", "models", 400)]
    public async Task ATableThatIsWiderThanTheScreen_SaysSo_AndItsNamesCanBeRead(string address, string table, int width)
    {
        await using var watched = await OpenAsync(address, width);
        var box = watched.Page.GetByTestId(table);
        await box.Locator("tbody tr").First.WaitForAsync();
        await Expect(box).ToHaveAttributeAsync("data-more", "right");
        Assert.Equal("\"more columns →\"", await box.EvaluateAsync<string>("box => getComputedStyle(box, '::after').content"));
        Assert.NotEqual("none", await box.EvaluateAsync<string>("box => getComputedStyle(box).boxShadow"));
        Assert.True(await box.Locator("td.name").First.EvaluateAsync<double>("cell => cell.getBoundingClientRect().width") >= 110, "the name is narrow");
        await box.EvaluateAsync("box => { box.scrollLeft = box.scrollWidth; }");
        await Expect(box).ToHaveAttributeAsync("data-more", "left");
    }

    private async Task<WatchedPage> OpenAsync(string address, int width = 1280)
    {
        var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address, width: width, signedIn: await arena.SignInAsync(chromium.Browser));
        await watched.Page.GotoAsync(arena.Path(address));
        await watched.Page.Locator("h1").WaitForAsync();

        // The circuit draws the page once more, and the focus goes back to its beginning. Pages of accounts have none.
        if (!address.StartsWith("/account", StringComparison.Ordinal)) await watched.Page.Locator("main[data-interactive=true]").WaitForAsync();
        await watched.Page.EvaluateAsync("() => document.fonts.ready");
        return watched;
    }

    private sealed record Focus
    {
        public string What { get; init; } = "";

        public string Tag { get; init; } = "";

        public string Style { get; init; } = "";

        public double Width { get; init; }
    }
}

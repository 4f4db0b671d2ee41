using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Tests.Support;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// Every page by day and by night, on a desk and on a phone: nothing sticks out to the side, and axe finds nothing against WCAG 2 A and AA.
/// Where <c>LORAARENA_LOOKS</c> names a folder, a picture of each is left there.
/// </summary>
public sealed class LooksTests(Chromium chromium, ArenaWithARun arena) : IClassFixture<ArenaWithARun>
{
    private static readonly (string Name, int Width, int Height)[] Screens = [("desk", 1280, 800), ("phone", 400, 800)];

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
        ["not-found"] = ("/nothing-here", "h1"),
    };

    public static TheoryData<string, ColorScheme> PagesByDayAndNight => new(Pages.Keys.SelectMany(page => new[] { (page, ColorScheme.Light), (page, ColorScheme.Dark) }));

    [Theory]
    [MemberData(nameof(PagesByDayAndNight))]
    public async Task APage_FitsItsScreen_AndCanBeUsedByEverybody(string name, ColorScheme theme)
    {
        var (address, whole) = Pages[name];
        await using var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address, theme, signedIn: await arena.SignInAsync(chromium.Browser));
        await watched.Page.GotoAsync(address
            .Replace("{competition}", arena.Competition, StringComparison.Ordinal)
            .Replace("{rejections}", arena.CompetitionWithRejections, StringComparison.Ordinal)
            .Replace("{run}", arena.Run, StringComparison.Ordinal));
        await watched.Page.Locator(whole).First.WaitForAsync();
        await LookAsync(watched.Page, name, theme);

        // The browser itself complains of the status 404.
        if (name != "not-found") Assert.Empty(watched.Complaints);
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task TheSignInPage_FitsItsScreen_AndCanBeUsedByEverybody(ColorScheme theme)
    {
        await arena.SignInAsync(chromium.Browser);
        await using var watched = await WatchedPage.OpenAsync(chromium.Browser, arena.Address, theme);
        await watched.Page.GotoAsync("/");
        await watched.Page.WaitForURLAsync("**/account/login*");
        await LookAsync(watched.Page, "sign-in", theme);
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

    private static async Task LookAsync(IPage page, string name, ColorScheme theme)
    {
        foreach (var (screen, width, height) in Screens)
        {
            await page.SetViewportSizeAsync(width, height);

            // Fonts have come, and what moves in has arrived.
            await page.EvaluateAsync("() => document.fonts.ready.then(() => Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity).map(a => a.finished)))");
            Assert.Equal(theme == ColorScheme.Dark ? "dark" : "light", await page.EvaluateAsync<string>("() => document.documentElement.dataset.theme"));
            await FitsAsync(page, $"{name} is wider than a screen of {width} pixels");
            if (Environment.GetEnvironmentVariable("LORAARENA_LOOKS") is { Length: > 0 } folder)
            {
                await page.ScreenshotAsync(new() { Path = Path.Join(folder, FormattableString.Invariant($"{name}-{screen}-{theme}.png")), FullPage = true });
            }

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

/// <summary>A server with a competition, a model, a finished run and an administrator.</summary>
public sealed class ArenaWithARun : IAsyncLifetime
{
    private readonly SemaphoreSlim _once = new(1);
    private TestArena _arena = null!;
    private WebServer _server = null!;
    private string? _signIn;

    public Uri Address => _server.Address;

    public string Competition => _arena.Competition.Id;

    /// <summary>Another competition, whose training data have a row that was rejected.</summary>
    public string CompetitionWithRejections { get; private set; } = "";

    public string Run { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _arena = await TestArena.CreateAsync();
        Run = await _arena.StartAsync(new TrainingOptions { MaxSteps = 6, BatchSize = 4, MaxLength = 48 });
        var entry = await _arena.SuperviseAsync(Run, r => RunState.Parse(r.State).IsFinal);
        Assert.Equal("succeeded", entry.State);
        CompetitionWithRejections = await ImportWithRejectionAsync();
        _server = await WebServer.StartAsync(_arena.Folder);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        if (_arena is not null) await _arena.DisposeAsync();
        _once.Dispose();
    }

    private async Task<string> ImportWithRejectionAsync()
    {
        var library = _arena.Get<CompetitionLibrary>();
        var competition = await library.CreateAsync("With rejections");
        using var file = new MemoryStream([.. Repository.FirstRows("train.csv", 20), .. "1,a-sim,b-sim,\"[\"\"Who?\"\"]\",\"[\"\"I.\"\"]\",\"[\"\"You.\"\"]\",1,1,0\n"u8]);
        var report = await library.ImportAsync(competition.Id, file, "train.csv");
        Assert.Equal(1, report.Rejected);
        await _arena.Store.PutAsync(library.Get(competition.Id));
        return competition.Id;
    }

    /// <summary>The cookies of the administrator, whose account is made the first time.</summary>
    public async Task<string> SignInAsync(IBrowser browser)
    {
        await _once.WaitAsync();
        try
        {
            if (_signIn is not null) return _signIn;
            await using var watched = await WatchedPage.OpenAsync(browser, Address);
            await watched.RegisterAsync();
            return _signIn = await watched.SignInStateAsync();
        }
        finally
        {
            _once.Release();
        }
    }
}

using LoraArena.Core.Files;
using LoraArena.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LoraArena.EndToEnd.Tests;

/// <summary>The board in the browser: what somebody chooses is in the address, and whoever opens it sees the same.</summary>
public sealed class BoardTests(Chromium chromium, ArenaWithABoard arena) : IClassFixture<ArenaWithABoard>
{
    [Fact]
    public async Task WhatIsPinnedFilteredAndSorted_IsSeenAlikeByWhoeverOpensTheAddress()
    {
        await using var mine = await OpenAsync(Board);
        await Expect(mine.Page.GetByTestId("verdict")).ToContainTextAsync("better than");
        await mine.Page.Locator("tr", new() { HasText = "DoRA" }).GetByTestId("pin").ClickAsync();
        await Expect(mine.Page.GetByTestId("verdict")).ToContainTextAsync("DoRA");
        await mine.Page.GetByLabel("Filter: method, setting, tag").FillAsync("r");
        await mine.Page.GetByLabel("Filter: method, setting, tag").PressAsync("Enter");
        await mine.Page.WaitForURLAsync("**filter=r*");
        await mine.Page.GetByRole(AriaRole.Button, new() { Name = "Time" }).First.ClickAsync();
        await mine.Page.WaitForURLAsync("**sort=seconds*");
        await mine.Page.GetByTestId("differences").CheckAsync();
        await mine.Page.WaitForURLAsync("**differences=1*");
        await mine.Page.GetByTestId("chart-pareto").ClickAsync();
        await mine.Page.Locator("[data-testid=pareto][data-traces]").WaitForAsync();
        var seen = await SeenAsync(mine.Page);

        // Somebody else's browser: nothing of this one's storage is in it.
        await using var other = await arena.Administrator.OpenAloneAsync(chromium.Browser);
        await other.Page.GotoAsync(mine.Page.Url);
        await other.Page.Locator("[data-testid=pareto][data-traces]").WaitForAsync();
        Assert.Equal(seen, await SeenAsync(other.Page));
        Assert.Empty(mine.Complaints.Concat(other.Complaints));
    }

    [Fact]
    public async Task ARunThatDiverged_StandsBelowTheOthers_WithItsCostAndItsReason()
    {
        await using var watched = await OpenAsync(Board);
        var failed = watched.Page.GetByTestId("failed");
        await Expect(failed).ToContainTextAsync("diverged");
        await Expect(failed).ToContainTextAsync("31 s");
        await Expect(failed).ToContainTextAsync("A lower learning rate");
        await failed.GetByRole(AriaRole.Link).First.ClickAsync();
        await watched.Page.WaitForURLAsync($"**/runs/{arena.Failed}");
        await Expect(watched.Page.GetByTestId("run-reason")).ToContainTextAsync("not finite");
        await watched.Page.Locator("[data-testid=loss-chart][data-points]").WaitForAsync();
        await Looks.CheckAsync(watched.Page, "run-failed");
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheBoard_IsUsedByKeyboardAlone()
    {
        await using var watched = await OpenAsync(Board);
        await TabToAsync(watched.Page, "by-run");
        await watched.Page.Keyboard.PressAsync("Enter");
        await watched.Page.WaitForURLAsync("**by=run*");
        await TabToAsync(watched.Page, "chart-matrix");
        await watched.Page.Keyboard.PressAsync("Enter");
        await watched.Page.Locator("[data-testid=matrix][data-traces]").WaitForAsync();
        await TabToAsync(watched.Page, "pin");
        await watched.Page.Keyboard.PressAsync("Enter");
        await watched.Page.WaitForURLAsync("**ref=*");
        await TabToAsync(watched.Page, "open");
        await watched.Page.Keyboard.PressAsync("Space");
        await Expect(watched.Page.GetByTestId("edit-notes").First).ToBeVisibleAsync();
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TagsOfARun_AreWrittenOnTheBoard_AndFilterIt()
    {
        await using var watched = await OpenAsync(Board + "?by=run");
        await watched.Page.Locator("[data-testid=forest][data-traces]").WaitForAsync();
        await watched.Page.GetByTestId("open").Last.ClickAsync();
        await watched.Page.GetByTestId("edit-notes").First.ClickAsync();
        await watched.Page.GetByLabel("Tags, apart by blanks").FillAsync("Keep");
        await watched.Page.GetByLabel("Tags, apart by blanks").PressAsync("Tab");
        var save = watched.Page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true });
        await save.ClickAsync();
        await Expect(save).ToHaveCountAsync(0);

        // The table is drawn anew around it, wider by the tag: a mouse that goes down on it may come up beside it, the keyboard cannot.
        await watched.Page.Locator("button.tag", new() { HasText = "keep" }).PressAsync("Enter");
        await watched.Page.WaitForURLAsync("**filter=%23keep*");
        await Expect(watched.Page.Locator("[data-testid=board] tbody tr[data-id]:not(.baseline)")).ToHaveCountAsync(1);
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task AChartThatGetsFewerLines_IsDrawnAsHighAsItsPlace()
    {
        await using var watched = await OpenAsync(Board + "?chart=forest");
        var chart = watched.Page.GetByTestId("forest");
        await watched.Page.Locator("[data-testid=forest][data-traces]").WaitForAsync();
        var (lines, before) = (await chart.GetAttributeAsync("data-traces"), await HeightsAsync(chart));
        await watched.Page.GetByLabel("Filter: method, setting, tag").FillAsync("dora");
        await watched.Page.GetByLabel("Filter: method, setting, tag").PressAsync("Enter");
        await Expect(chart).Not.ToHaveAttributeAsync("data-traces", lines!);
        var after = await HeightsAsync(chart);

        Assert.True(after.Place < before.Place, $"{before} {after}");
        Assert.Equal(before.Place, before.Drawn);
        Assert.Equal(after.Place, after.Drawn);
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task AViewThatCannotBeRead_SaysWhy_AndTheBoardIsThereAgain()
    {
        // A folder in the place of a file.
        const string split = "0123456789abcdef";
        Directory.CreateDirectory(Path.Join(arena.Folder.Competition(arena.Competition), "splits", split + ".summary.json"));
        await using var watched = await OpenAsync(Board);
        await Expect(watched.Page.GetByTestId("verdict")).ToBeVisibleAsync();
        await watched.Page.EvaluateAsync("address => Blazor.navigateTo(address)", $"competitions/{arena.Competition}?split={split}");
        await Expect(watched.Page.GetByTestId("board-error")).ToContainTextAsync("The server may not read or write one of its files");
        await watched.Page.GetByRole(AriaRole.Link, new() { Name = "Show the whole board" }).ClickAsync();
        await Expect(watched.Page.GetByTestId("verdict")).ToBeVisibleAsync();
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task AChartThatIsGoneBeforeItIsDrawn_EndsNoPage()
    {
        await using var watched = await arena.Administrator.OpenAsync(chromium.Browser);

        // The script of the charts comes when the charts are no longer there: another view has taken the place of the board.
        var (asked, gone) = (new TaskCompletionSource(), new TaskCompletionSource());
        await watched.Page.RouteAsync("**/js/charts*", async route =>
        {
            asked.TrySetResult();
            await gone.Task;
            await route.ContinueAsync();
        });
        await watched.Page.GotoAsync(Board);
        await asked.Task.WaitAsync(TestContext.Current.CancellationToken);
        await watched.Page.EvaluateAsync("address => Blazor.navigateTo(address)", $"competitions/{arena.Competition}?tab=data");
        await Expect(watched.Page.GetByTestId("verdict")).ToHaveCountAsync(0);
        var script = watched.Page.WaitForResponseAsync("**/js/charts*");
        gone.SetResult();
        await (await script).FinishedAsync();

        // The circuit goes on: what is asked of it now comes after what the charts had asked for.
        await watched.Page.EvaluateAsync("address => Blazor.navigateTo(address)", $"competitions/{arena.Competition}");
        await watched.Page.Locator("[data-testid=forest][data-traces]").WaitForAsync();
        await Expect(watched.Page.GetByTestId("verdict")).ToBeVisibleAsync();
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task ATrialThatIsRefused_SaysSoBesideTheButton()
    {
        await using var watched = await OpenAsync(Board + "/new-trial");
        await Expect(watched.Page.GetByTestId("forecast")).ToBeVisibleAsync();
        await watched.Page.GetByLabel("Learning rates to try").FillAsync("quick");
        await watched.Page.GetByTestId("start-trial").ClickAsync();
        var refusal = watched.Page.GetByTestId("trial-error");
        await Expect(refusal).ToContainTextAsync("'quick' is not a number");
        await Expect(refusal).ToBeFocusedAsync();
        await Expect(refusal).ToBeInViewportAsync();

        // A file that is damaged is said so, too, and what was typed stays.
        await watched.Page.GetByLabel("Learning rates to try").FillAsync("0.001 0.002");
        var path = Directory.EnumerateFiles(Path.Join(arena.Folder.Competition(arena.Competition), "splits"), "*.json")
            .Single(file => !file.EndsWith(".summary.json", StringComparison.Ordinal));
        var whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        AtomicFile.WriteText(path, "{");
        try
        {
            await watched.Page.GetByTestId("start-trial").ClickAsync();
            await Expect(refusal).ToContainTextAsync("the file is damaged");
            await Expect(refusal).ToBeFocusedAsync();
            await Expect(watched.Page.GetByLabel("Learning rates to try")).ToHaveValueAsync("0.001 0.002");
        }
        finally
        {
            AtomicFile.WriteBytes(path, whole);
        }

        Assert.Empty(watched.Complaints);
    }

    [Theory]
    [InlineData("?chart=forest&differences=1", "forest")]
    [InlineData("?chart=pareto&cost=memory", "pareto")]
    [InlineData("?chart=matrix&by=run", "matrix")]
    [InlineData("?chart=curves&axis=log", "curves")]
    public async Task EveryChart_FitsItsScreen_AndAxeFindsNothing(string query, string chart)
    {
        await using var watched = await OpenAsync(Board + query);
        await watched.Page.Locator($"[data-testid={chart}][data-traces]").WaitForAsync();
        await Looks.CheckAsync(watched.Page, $"board-{chart}");
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task WhereTwoRunsDisagree_BothAnswersStandSideBySide()
    {
        await using var watched = await OpenAsync($"{Board}/disagreements?a={arena.Better}&b={arena.Reference}");
        await Expect(watched.Page.GetByTestId("disagreement-verdict")).ToContainTextAsync("A is better than B");
        Assert.True(await watched.Page.GetByTestId("slices").Locator("tbody tr").CountAsync() >= 3);
        await Expect(watched.Page.GetByTestId("disagreeing-row").First.Locator(".answer")).ToHaveCountAsync(2);
        await Looks.CheckAsync(watched.Page, "disagreements");
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheFormOfATrial_SaysBeforehandWhatCanBeSeen()
    {
        await using var watched = await OpenAsync(Board + "/new-trial");
        await Expect(watched.Page.GetByTestId("forecast")).ToContainTextAsync("you will see a difference of");
        await Looks.CheckAsync(watched.Page, "new-trial");
        Assert.Empty(watched.Complaints);
    }

    private string Board => $"/competitions/{arena.Competition}";

    private async Task<WatchedPage> OpenAsync(string address)
    {
        var watched = await arena.Administrator.OpenAsync(chromium.Browser);
        await watched.Page.GotoAsync(address);
        await watched.Page.Locator("main[data-interactive=true]").WaitForAsync();
        return watched;
    }

    private static async Task<string> SeenAsync(IPage page)
        => string.Join('\n', await page.Locator("[data-testid=board] tr, [data-testid=verdict]").AllInnerTextsAsync());

    // From where the focus is, as a person goes.
    private static async Task<(int Place, int Drawn)> HeightsAsync(ILocator chart)
        => (await chart.EvaluateAsync<int>("box => box.clientHeight"), await chart.EvaluateAsync<int>("box => box.querySelector('.main-svg').clientHeight"));

    private static async Task TabToAsync(IPage page, string testId)
    {
        await page.GetByTestId(testId).First.WaitForAsync();
        for (var i = 0; i < 120; i++)
        {
            if (await page.EvaluateAsync<string?>("() => document.activeElement?.dataset?.testid ?? null") == testId) return;
            await page.Keyboard.PressAsync("Tab");
        }

        Assert.Fail($"{testId} is not reached by the keyboard");
    }
}

/// <summary>A server with a competition, runs of three methods, and an administrator.</summary>
public sealed class ArenaWithABoard : IAsyncLifetime
{
    private TestArena _arena = null!;
    private WebServer _server = null!;

    /// <summary>The administrator's browser, in which the account is made.</summary>
    internal SignedIn Administrator { get; private set; } = null!;

    public string Competition => _arena.Competition.Id;

    internal ArenaFolder Folder => _arena.Folder;

    /// <summary>A run that is surely better than <see cref="Reference"/>.</summary>
    public string Better { get; private set; } = "";

    public string Reference { get; private set; } = "";

    /// <summary>A run that diverged.</summary>
    public string Failed { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _arena = await TestArena.CreateAsync(trainRows: 400);
        for (var seed = 0; seed < 3; seed++)
        {
            Reference = await FabricatedRuns.AddAsync(_arena, "lora", seed, 0.35);
            await FabricatedRuns.AddAsync(_arena, "lora", seed, 0.349, rank: 8);
            Better = await FabricatedRuns.AddAsync(_arena, "dora", seed, 0.45, rank: 20);
        }

        await FabricatedRuns.AddAsync(_arena, "rslora", 0, 0.35, rank: 4);
        Failed = await FabricatedRuns.AddFailedAsync(_arena, "dora", 3);
        _server = await WebServer.StartAsync(_arena.Folder);
        Administrator = new SignedIn(_server.Address, page => page.RegisterAsync());
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        if (_arena is not null) await _arena.DisposeAsync();
        Administrator?.Dispose();
    }
}

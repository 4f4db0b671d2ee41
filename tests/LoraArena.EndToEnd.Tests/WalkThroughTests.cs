using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LoraArena.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// The whole way through the pages, as a person goes it for the first time. The README's picture is made by the same walk, with all rows
/// and the options as they stand, some minutes long:
/// <c>LORAARENA_SCREENSHOTS=docs dotnet test --project tests/LoraArena.EndToEnd.Tests -- --filter-class "*WalkThroughTests"</c>.
/// </summary>
public sealed class WalkThroughTests(Chromium chromium) : IAsyncLifetime
{
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("LORAARENA_SCREENSHOTS") is { Length: > 0 } folder
        ? Path.GetFullPath(folder, Repository.Root)
        : null;
    private static readonly int TrainRows = Pictures is null ? 300 : 2000;
    private static readonly int TestRows = Pictures is null ? 30 : 500;

    private TestArena _arena = null!;
    private WebServer _server = null!;
    private WatchedPage _watched = null!;

    /// <summary>The steps that the run will have, read off its page.</summary>
    private int _steps;

    private IPage Page => _watched.Page;

    public async ValueTask InitializeAsync()
    {
        var browser = chromium.Browser;
        _arena = await TestArena.CreateEmptyAsync();
        _server = await WebServer.StartAsync(_arena.Folder);
        _watched = await WatchedPage.OpenAloneAsync(browser, _server.Address);
    }

    public async ValueTask DisposeAsync()
    {
        if (_watched is not null) await _watched.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        if (_arena is not null) await _arena.DisposeAsync();
    }

    [Fact]
    public async Task ANewUser_GoesFromTheFirstAccountToACheckedSubmission()
    {
        await _watched.RegisterAsync();
        await Expect(Page.GetByText("No competition yet.")).ToBeVisibleAsync();
        await MakeCompetitionAsync("Spring");
        await UploadAsync();
        await RegisterModelAsync();
        await StartRunAsync();
        await WatchRunAsync();
        await CheckSubmissionAsync();
        await CheckBoardAsync();
        await TryTrialAsync();

        // Before the page's connection is ended: the browser complains of that.
        Assert.Empty(_watched.Complaints);
        await SignOutAsync();
    }

    private async Task MakeCompetitionAsync(string name)
    {
        await Page.GetByRole(AriaRole.Button, new() { Name = "New competition" }).ClickAsync();
        await Page.GetByLabel("Name").FillAsync(name);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        await Expect(Page.GetByRole(AriaRole.Heading, new() { Name = name })).ToBeVisibleAsync();
    }

    // Two rows of the training data cannot be used: the report must list both, with line and reason.
    private async Task UploadAsync()
    {
        byte[] train =
        [
            .. Repository.FirstRows("train.csv", TrainRows),
            .. Encoding.UTF8.GetBytes("9000001,a-sim,b-sim,\"[\"\"Who won?\"\"]\",\"[\"\"Both.\"\"]\",\"[\"\"Neither.\"\"]\",1,1,0\n"),
            .. Encoding.UTF8.GetBytes(",a-sim,b-sim,\"[\"\"Who is this?\"\"]\",\"[\"\"Yes.\"\"]\",\"[\"\"No.\"\"]\",1,0,0\n"),
        ];
        await Page.GetByTestId("upload-input").SetInputFilesAsync(
        [
            new FilePayload { Name = "train.csv", MimeType = "text/csv", Buffer = train },
            new FilePayload { Name = "test.csv", MimeType = "text/csv", Buffer = Repository.FirstRows("test.csv", TestRows) },
        ]);

        var trained = Page.Locator(".panel", new() { HasText = "Training data" });
        await Expect(trained.Locator(".report > p")).ToContainTextAsync(string.Create(
            CultureInfo.InvariantCulture, $"{TrainRows:N0} of {TrainRows + 2:N0} rows accepted, 2 rejected."));
        var rejected = trained.Locator("tbody tr");
        await Expect(rejected).ToHaveCountAsync(2);
        await Expect(rejected.Nth(0).Locator("td").Nth(0)).ToHaveTextAsync((TrainRows + 2).ToString(CultureInfo.InvariantCulture));
        await Expect(rejected.Nth(1).Locator("td").Nth(0)).ToHaveTextAsync((TrainRows + 3).ToString(CultureInfo.InvariantCulture));
        await Expect(rejected.Nth(1).Locator("td").Nth(1)).ToHaveTextAsync("id");
        foreach (var row in await rejected.AllAsync()) Assert.NotEmpty(await row.Locator("td").Nth(2).InnerTextAsync());
        await Expect(Page.Locator(
            ".panel",
            new() { HasText = "Test data" }).Locator(".report > p")).ToContainTextAsync($"{TestRows} of {TestRows} rows accepted.");
    }

    private async Task RegisterModelAsync()
    {
        await Page.GetByRole(AriaRole.Link, new() { Name = "Models" }).ClickAsync();
        await Page.GetByLabel("Folder").FillAsync(Repository.NanoModel);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Register" }).ClickAsync();
        await Expect(Page.GetByTestId("models").Locator("tbody tr")).ToContainTextAsync(["arena-nano"]);
    }

    private async Task StartRunAsync()
    {
        await Page.GetByRole(AriaRole.Link, new() { Name = "Competitions", Exact = true }).ClickAsync();
        await Page.GetByRole(AriaRole.Link, new() { Name = "Spring" }).ClickAsync();
        await Expect(Page.GetByTestId("board").Locator("tbody tr.baseline").First).ToBeVisibleAsync();
        await Page.GetByRole(AriaRole.Link, new() { Name = "Train" }).ClickAsync();

        await Page.GetByLabel("Name", new() { Exact = true }).FillAsync("first try");
        await FillOptionAsync("device", "cpu");
        if (Pictures is null)
        {
            await MeetBudgetAsync();
            await MakeShortAsync(steps: 120);
        }

        await Page.GetByTestId("start").ClickAsync();
        await Page.WaitForURLAsync("**/runs/*");
    }

    private async Task MeetBudgetAsync()
    {
        // A device was chosen: what is shown of the defaults says nothing of its memory until it is counted.
        await Page.GetByTestId("count").ClickAsync();
        await Expect(Page.GetByTestId("size")).ToContainTextAsync("of memory on cpu");
        var before = await Page.GetByTestId("size").InnerTextAsync();
        await FillOptionAsync("Parameter budget", "60000");
        await Page.GetByTestId("count").ClickAsync();
        await Expect(Page.GetByTestId("size")).Not.ToHaveTextAsync(before);
        var parameters = int.Parse((await Page.GetByTestId("size").InnerTextAsync()).Split(' ')[0], NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
        Assert.InRange(parameters, 59_000, 60_000);
        await Expect(Page.GetByLabel("r", new() { Exact = true })).Not.ToHaveValueAsync("16");
    }

    private async Task MakeShortAsync(int steps)
    {
        await FillOptionAsync("batch_size", "8");
        await FillOptionAsync("max_length", "64");
        await Page.GetByText("More training options").ClickAsync();
        await FillOptionAsync("max_steps", steps.ToString(CultureInfo.InvariantCulture));
    }

    private async Task FillOptionAsync(string name, string value)
    {
        var field = Page.GetByLabel(name, new() { Exact = true });
        await field.FillAsync(value);
        await field.BlurAsync();
    }

    private async Task WatchRunAsync()
    {
        // A reload would make the page forget this.
        await Page.EvaluateAsync("() => { window.stayed = true; }");
        var first = await LiveAsync(after: 0);
        _steps = int.Parse((await Page.GetByTestId("step").InnerTextAsync()).Split('/')[1].Trim(), CultureInfo.InvariantCulture);
        if (Pictures is null) Assert.Equal(120, _steps);
        var second = await LiveAsync(after: first.Points);
        var third = await LiveAsync(after: second.Points);
        Assert.True(first.Step < second.Step && second.Step < third.Step, $"steps {first.Step}, {second.Step}, {third.Step}");
        await Expect(Page.GetByTestId("log")).Not.ToBeEmptyAsync();
        await LiveAsync(after: _steps * 3 / 5);
        await PictureAsync("run.png");

        await Expect(Page.Locator("main .state-succeeded")).ToBeVisibleAsync(new() { Timeout = 1_200_000 });
        await Expect(Page.GetByTestId("step")).ToHaveTextAsync($"{_steps} / {_steps}");
        await Expect(Page.GetByTestId("loss-chart")).ToHaveAttributeAsync("data-points", _steps.ToString(CultureInfo.InvariantCulture));
        await Expect(Page.GetByTestId("log-loss")).ToHaveTextAsync(new Regex(@"^[01]\.\d{4}$"));
        Assert.True(await Page.EvaluateAsync<bool>("() => window.stayed === true"), "the page was loaded again");
    }

    /// <summary>Waits until the chart holds more than so many points, and reads points and steps off the page.</summary>
    private async Task<(int Points, int Step)> LiveAsync(int after)
    {
        // A run that ends early would be waited for in vain.
        const string ended = "['failed', 'stopped', 'interrupted'].some(state => document.querySelector(`main .state-${state}`))";
        const string points = "document.querySelector('[data-testid=loss-chart]')?.data?.[0].x.length ?? 0";
        await Page.WaitForFunctionAsync($"after => ({points}) > after || {ended}", after, new() { Timeout = 600_000 });
        Assert.False(await Page.EvaluateAsync<bool>($"() => {ended}"), $"the run did not go on: {await Page.GetByTestId("log").InnerTextAsync()}");
        var now = await Page.EvaluateAsync<int>($"() => {points}");
        var step = (await Page.GetByTestId("step").InnerTextAsync()).Split('/')[0];
        return (now, int.Parse(step.Trim(), CultureInfo.InvariantCulture));
    }

    private async Task CheckSubmissionAsync()
    {
        var download = await Page.RunAndWaitForDownloadAsync(() => Page.GetByTestId("download-submission").ClickAsync());
        using var reader = new StreamReader(await download.CreateReadStreamAsync());
        var lines = (await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).TrimEnd('\n').Split('\n');
        Assert.Equal("id,winner_model_a,winner_model_b,winner_tie", lines[0].TrimEnd('\r'));
        Assert.Equal(TestRows, lines.Length - 1);
        var asked = Encoding.UTF8.GetString(Repository.FirstRows("test.csv", TestRows))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1)
            .Select(line => line.Split(',')[0]);
        Assert.Equal(asked, lines.Skip(1).Select(line => line.Split(',')[0]));
        foreach (var line in lines.Skip(1))
        {
            var shares = line.Split(',').Skip(1).Select(cell => double.Parse(cell, CultureInfo.InvariantCulture)).ToList();
            Assert.Equal(3, shares.Count);
            Assert.All(shares, share => Assert.InRange(share, 0, 1));
            Assert.Equal(1, shares.Sum(), 1e-6);
        }
    }

    private async Task CheckBoardAsync()
    {
        await Page.GetByTestId("run-competition").ClickAsync();
        var board = Page.GetByTestId("board");
        await Page.GetByTestId("by-run").ClickAsync();
        var run = board.Locator("tbody tr", new() { HasText = "first try" });
        await Expect(run).ToHaveCountAsync(1);
        Assert.True(await board.Locator("tbody tr.baseline").CountAsync() >= 2, "the board shows no baselines beside the run");
        var cells = await run.Locator("td").AllInnerTextsAsync();
        Assert.Matches(@"^[01]\.\d{4}$", cells[2]);
        Assert.Equal("reference", cells[^1].Trim());
        Assert.Matches(@"^\d{1,2}\.\d %$", cells[7]);
        var compared = await board.Locator("tbody tr.baseline td").AllInnerTextsAsync();
        Assert.Matches(@"^[+−]\d\.\d{4} \[[+−]\d\.\d{4}, [+−]\d\.\d{4}\] (better|worse|≈)$", compared[3]);
        await Expect(Page.Locator("[data-testid=forest] .scatterlayer .trace")).ToHaveCountAsync(await board.Locator("tbody tr").CountAsync());
        await PictureAsync("board.png");
    }

    // From the form to what the trial lets us say: two methods and the null line, each a run of its own.
    private async Task TryTrialAsync()
    {
        await Page.GetByRole(AriaRole.Link, new() { Name = "Trials", Exact = true }).ClickAsync();
        await Page.GetByTestId("new-trial").ClickAsync();
        await Expect(Page.GetByTestId("trial-size")).ToContainTextAsync("15 runs: 4 methods and the null line, 3 seeds each");
        await Page.GetByTestId("trial-name").FillAsync("Small trial");
        foreach (var method in new[] { "lora-plus", "dora" }) await Page.GetByTestId($"method-{method}").UncheckAsync();
        await Page.GetByTestId("trial-seeds").FillAsync("1");
        await Page.GetByTestId("trial-steps").FillAsync("4");
        await Page.GetByTestId("trial-steps").BlurAsync();
        await Expect(Page.GetByTestId("trial-size")).ToContainTextAsync("3 runs: 2 methods and the null line, 1 seed each.");
        await Page.GetByTestId("start-trial").ClickAsync();
        await Page.WaitForURLAsync("**/trials/*");

        await Expect(Page.GetByTestId("trial-state")).ToHaveTextAsync("succeeded", new() { Timeout = 1_200_000 });
        var runs = Page.GetByTestId("trial-runs").Locator("tbody tr");
        await Expect(runs).ToHaveCountAsync(3);
        await Expect(runs.Locator(".state-succeeded")).ToHaveCountAsync(3);
        await Expect(Page.GetByTestId("verdict")).ToContainTextAsync("LoRA");
        await Page.GetByTestId("trial-board").ClickAsync();
        var rows = Page.GetByTestId("board").Locator("tbody tr:not(.baseline)");
        await Expect(rows.Filter(new() { HasText = "rsLoRA" })).ToHaveCountAsync(1);
        await Expect(rows.Filter(new() { HasText = "other seeds" })).ToHaveCountAsync(1);
        await Expect(rows).ToHaveCountAsync(3);
    }

    private async Task SignOutAsync()
    {
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Page.WaitForURLAsync("**/account/login*");
        await Page.GotoAsync("/runs");
        await Page.WaitForURLAsync("**/account/login?ReturnUrl=*");
    }

    private async Task PictureAsync(string name)
    {
        if (Pictures is not null) await Page.ScreenshotAsync(new() { Path = Path.Join(Pictures, name) });
    }
}

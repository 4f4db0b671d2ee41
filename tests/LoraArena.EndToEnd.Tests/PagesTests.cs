using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LoraArena.Core.Competitions;
using LoraArena.Data.Competitions;
using LoraArena.Runs;
using LoraArena.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LoraArena.EndToEnd.Tests;

/// <summary>What pages do when people go back, when something fails, and when it is fixed.</summary>
public sealed class PagesTests(Chromium chromium, ArenaWithARun arena)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GoingBackAndForth_ShowsWhatTheAddressSays_AndItsButtonsActOnThat()
    {
        await using var watched = await OpenAsync("/runs/{run}");
        var page = watched.Page;
        await Expect(page.Locator("main .state")).ToHaveTextAsync("succeeded");
        await GoAsync(page, "runs/{stopped}");
        await Expect(page.Locator("main .state")).ToHaveTextAsync("stopped");
        await page.GoBackAsync();
        await Expect(page.Locator("main .state")).ToHaveTextAsync("succeeded");
        await Expect(AgainButton(page)).ToHaveAttributeAsync("href", arena.Path("competitions/{competition}/new-run/{run}"));
        await Expect(page.GetByTestId("loss-chart")).ToBeVisibleAsync();
        await page.GoForwardAsync();
        await Expect(page.Locator("main .state")).ToHaveTextAsync("stopped");
        await Expect(AgainButton(page)).ToHaveAttributeAsync("href", arena.Path("competitions/{competition}/new-run/{stopped}"));
        await Expect(page.GetByTestId("no-steps")).ToContainTextAsync("No step was done");

        await GoAsync(page, "competitions/{competition}");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Small");
        await GoAsync(page, "competitions/{rejections}");
        await Expect(page.Locator("h1")).ToHaveTextAsync("With rejections");
        await page.GoBackAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Small");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Train" })).ToHaveAttributeAsync("href", arena.Path("competitions/{competition}/new-run"));
        await Expect(page.GetByTestId("board")).ToContainTextAsync("LoRA");
        await GoAsync(page, "competitions/{competition}/new-run");
        await Expect(page.Locator("h1")).ToContainTextAsync("Small");
        await GoAsync(page, "competitions/{rejections}/new-run");
        await Expect(page.Locator("h1")).ToContainTextAsync("With rejections");
    }

    [Fact]
    public async Task ADatabaseThatIsInUse_EndsNoPage_AndWhatFailedCanBeTriedAgain()
    {
        var spare = await arena.Arena.Get<ModelRegistry>().AddAsync(Repository.NanoModel, "spare", Cancel);
        await using var watched = await OpenAsync("/models");
        var page = watched.Page;
        var row = page.GetByTestId("models").Locator("tr", new() { HasText = spare.Name });
        using (var other = Lock())
        {
            await row.GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
            await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
            await Expect(page.GetByTestId("failure")).ToContainTextAsync("The database is in use by another process");

            // A new competition is on disk at once; its index entry comes later.
            await GoAsync(page, "");
            await page.GetByRole(AriaRole.Button, new() { Name = "New competition" }).ClickAsync();
            await page.GetByLabel("Name").FillAsync("Made meanwhile");
            await page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
            await Expect(page.Locator("h1")).ToHaveTextAsync("Made meanwhile");
            await GoAsync(page, "");
            await Expect(page.GetByTestId("failure")).ToContainTextAsync("The database is in use by another process");
            await Expect(page.Locator(".card").First).ToBeVisibleAsync();
        }

        await page.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(page.Locator(".card", new() { HasText = "Made meanwhile" })).ToBeVisibleAsync();
        await Expect(page.GetByTestId("failure")).ToHaveCountAsync(0);
        await GoAsync(page, "models");
        await Expect(page.GetByTestId("models")).ToContainTextAsync("nano");
        await Expect(row).ToHaveCountAsync(0);
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task AnUploadThatIsCancelled_EndsAtOnce()
    {
        await using var watched = await OpenAsync("/competitions/{rejections}?tab=data");
        var page = watched.Page;

        // The server takes the file and does not answer.
        var uploads = new Regex("/files\\?");
        await page.RouteAsync(uploads, _ => Task.CompletedTask);
        await page.GetByRole(AriaRole.Button, new() { Name = "Choose files" }).WaitForAsync();
        await page.GetByTestId("upload-input").SetInputFilesAsync(new FilePayload
        {
            Name = "test.csv",
            MimeType = "text/csv",
            Buffer = Repository.FirstRows("test.csv", 3),
        });
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(page.GetByText("The upload was cancelled")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Choose files" })).ToBeVisibleAsync();
        await page.UnrouteAsync(uploads);

        // The name of a refused file is said once.
        await page.GetByTestId("upload-input").SetInputFilesAsync(new FilePayload
        {
            Name = "notes.csv",
            MimeType = "text/csv",
            Buffer = "name,age\nAda,36\n"u8.ToArray(),
        });
        var refusal = page.Locator(".upload .mud-alert");
        await Expect(refusal).ToContainTextAsync("notes.csv");
        Assert.Single(Regex.Matches(await refusal.InnerTextAsync(), "notes\\.csv"));
    }

    [Fact]
    public async Task AReportOfAnySize_AndFilesOfAnyNumber_DoNotEndThePage()
    {
        var library = arena.Arena.Get<CompetitionLibrary>();
        var competition = await library.CreateAsync("Large report", Cancel);
        await arena.Arena.Store.PutAsync(competition, Cancel);
        await using var watched = await OpenAsync($"/competitions/{competition.Id}?tab=data");
        var page = watched.Page;
        await page.GetByRole(AriaRole.Button, new() { Name = "Choose files" }).WaitForAsync();

        // Their names alone are more than a message to the server may be.
        var name = new string('n', 240);
        await page.GetByTestId("upload-input").SetInputFilesAsync(Enumerable.Range(0, 200).Select(i => new FilePayload
        {
            Name = FormattableString.Invariant($"{name}{i:000}.csv"),
            MimeType = "text/csv",
            Buffer = "a\n"u8.ToArray(),
        }).ToArray());
        await Expect(page.Locator(".upload .mud-alert")).ToContainTextAsync("These are 200 files");

        var rejected = string.Concat(Enumerable.Range(0, 120).Select(i => string.Create(
            CultureInfo.InvariantCulture,
            $"{i}{new string('é', 180)},a,b,\"[\"\"{new string('?', 50)}\"\"]\",\"[\"\"x\"\"]\",\"[\"\"y\"\"]\",maybe,{new string('0', 200)}7,0\n")));
        await page.GetByTestId("upload-input").SetInputFilesAsync(new FilePayload
        {
            Name = "train.csv",
            MimeType = "text/csv",
            Buffer = [.. Repository.FirstRows("train.csv", 20), .. Encoding.UTF8.GetBytes(rejected)],
        });
        await Expect(page.Locator(".report > p")).ToContainTextAsync("120 rejected");
        await Expect(page.Locator(".upload .mud-alert")).ToHaveCountAsync(0);
        Assert.True(JsonSerializer.Serialize(library.ReadReport(library.Get(competition.Id).Files[0].Sha256, FileRole.Train)).Length > 40_000);
        await page.GetByRole(AriaRole.Link, new() { Name = "Board", Exact = true }).ClickAsync();
        await Expect(page.GetByTestId("board").Locator("tbody tr.baseline").First).ToBeVisibleAsync();
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task ARunAgainWithChanges_BeginsWithItsSettings_AndARefusalStandsBesideTheButton()
    {
        await using var watched = await OpenAsync("/runs/{run}");
        var page = watched.Page;
        await AgainButton(page).ClickAsync();
        await Expect(page.GetByTestId("from")).ToContainTextAsync("LoRA on nano");
        await Expect(page.GetByLabel("batch_size", new() { Exact = true })).ToHaveValueAsync("4");
        await Expect(page.GetByLabel("max_length", new() { Exact = true })).ToHaveValueAsync("48");
        await page.GetByText("More training options").ClickAsync();
        await Expect(page.GetByLabel("max_steps", new() { Exact = true })).ToHaveValueAsync("6");

        await page.GetByLabel("learning_rate", new() { Exact = true }).FillAsync("-1");
        await page.GetByTestId("start").ClickAsync();
        await Expect(page.GetByTestId("run-error")).ToContainTextAsync("'learning_rate' is -1");
        await Expect(page.GetByTestId("run-error")).ToBeFocusedAsync();
        await Expect(page.GetByTestId("run-error")).ToBeInViewportAsync();
        Assert.Empty(watched.Complaints);
    }

    [Fact]
    public async Task TheLog_FollowsItsNewestLine_UnlessSomebodyReadsFurtherUp()
    {
        await using var watched = await OpenAsync("/runs/{run}");
        var page = watched.Page;
        await Expect(page.GetByTestId("log")).Not.ToBeEmptyAsync();
        const string atEnd = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 2 && box.scrollHeight > box.clientHeight";
        const string add = "box => { box.firstChild.data += 'one more line\\n'.repeat(60); }";
        await page.WaitForFunctionAsync("() => document.querySelector('[data-testid=log]').follower");
        await page.GetByTestId("log").EvaluateAsync(add);
        await page.WaitForFunctionAsync($"() => ({atEnd})(document.querySelector('[data-testid=log]'))");
        await page.GetByTestId("log").EvaluateAsync("box => new Promise(done => { box.addEventListener('scroll', () => requestAnimationFrame(done), { once: true }); box.scrollTop = 0; })");
        await page.GetByTestId("log").EvaluateAsync(add);
        await page.EvaluateAsync("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
        Assert.Equal(0, await page.GetByTestId("log").EvaluateAsync<int>("box => box.scrollTop"));
    }

    [Fact]
    public async Task SigningOutInOneTab_EndsTheOthers()
    {
        await using var watched = await WatchedPage.OpenAloneAsync(chromium.Browser, arena.Address);
        await watched.SignInAsync("ada");
        var other = await watched.OpenAnotherAsync();
        await other.GotoAsync(arena.Path("/runs/{run}"));
        await Expect(other.Locator("main .state")).ToHaveTextAsync("succeeded");
        await watched.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await watched.Page.WaitForURLAsync("**/account/login*");
        await other.WaitForURLAsync("**/account/login*");
    }

    [Fact]
    public async Task UnderAPathOfAProxy_EveryPageWorks()
    {
        await using var proxy = await TestProxy.StartAsync(arena.Address, "/arena", tls: false);
        await using var watched = await WatchedPage.OpenAloneAsync(chromium.Browser, new Uri($"http://localhost:{proxy.Port}/arena/"));
        var page = watched.Page;
        await watched.SignInAsync("ada");
        await page.Locator(".card", new() { HasText = "Small" }).ClickAsync();
        await Expect(page.GetByTestId("board").Locator("tbody tr").First).ToBeVisibleAsync();
        await page.Locator("[data-testid=forest] .scatterlayer .trace").First.WaitForAsync();
        await page.GetByTestId("board").GetByRole(AriaRole.Link).First.ClickAsync();
        await page.Locator("[data-testid=loss-chart][data-points]").WaitForAsync();
        await Expect(page.GetByTestId("log")).Not.ToBeEmptyAsync();
        await page.GetByTestId("run-competition").ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Data", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Choose files" }).WaitForAsync();
        foreach (var (link, heading) in new[] { ("Runs", "Runs"), ("Models", "Base models"), ("Accounts", "Accounts"), ("Competitions", "Competitions") })
        {
            await page.Locator(".bar-links").GetByRole(AriaRole.Link, new() { Name = link, Exact = true }).ClickAsync();
            await Expect(page.Locator("h1")).ToHaveTextAsync(heading);
            Assert.StartsWith("/arena/", new Uri(page.Url).AbsolutePath, StringComparison.Ordinal);
        }

        // Before the page's connection is ended: the browser complains of that.
        Assert.Empty(watched.Complaints);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.WaitForURLAsync("**/arena/account/login*");
    }

    private static ILocator AgainButton(IPage page) => page.GetByRole(AriaRole.Link, new() { Name = "Again with changes" });

    private async Task<WatchedPage> OpenAsync(string address)
    {
        var watched = await arena.Administrator.OpenAsync(chromium.Browser);
        await watched.Page.GotoAsync(arena.Path(address));
        await watched.Page.Locator("main[data-interactive=true] h1").WaitForAsync();
        return watched;
    }

    // As a click on a link does, without loading the page again.
    private async Task GoAsync(IPage page, string address) => await page.EvaluateAsync("address => Blazor.navigateTo(address)", arena.Path(address));

    private SqliteConnection Lock()
    {
        var connection = new SqliteConnection($"Data Source={arena.Arena.Folder.Database};Pooling=False;Default Timeout=30");
        connection.Open();
        using var begin = connection.CreateCommand();
        begin.CommandText = "BEGIN IMMEDIATE";
        begin.ExecuteNonQuery();
        return connection;
    }
}

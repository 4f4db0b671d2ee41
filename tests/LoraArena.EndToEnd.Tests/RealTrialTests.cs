using System.Text.RegularExpressions;
using LoraArena.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// The trial of the README, started on the page by a new user: five methods on MiniLM and the null line, three seeds of each. About half an hour on two
/// processors, so on demand: <c>-explicit only -class '*RealTrialTests'</c>. Its pictures go to the folder that LORAARENA_SCREENSHOTS names.
/// </summary>
public sealed class RealTrialTests(Chromium chromium)
{
    private const int Runs = 18;
    private static readonly string Shared = Environment.GetEnvironmentVariable("LORAARENA_SHARED") ?? Path.Join(Repository.Root, "..", "shared");

    [Fact(Explicit = true)]
    public async Task ATrialOfMiniLm_GoesFromTheFormToItsBoard()
    {
        var (csv, model) = (Path.Join(Shared, "data", "preferences", "train.csv"), Path.Join(Shared, "models", "minilm-l6"));
        Assert.SkipUnless(File.Exists(csv) && Directory.Exists(model), $"{csv} or {model} is missing");
        await using var arena = await TestArena.CreateEmptyAsync();
        await using var server = await WebServer.StartAsync(arena.Folder);
        await using var watched = await WatchedPage.OpenAloneAsync(chromium.Browser, server.Address);
        var page = watched.Page;
        await watched.RegisterAsync();
        await PrepareAsync(page, csv, model);
        await StartAsync(page);

        // Polled, since the page is told of every change: a step is seconds, the whole half an hour.
        await Expect(page.GetByTestId("trial-state")).ToHaveTextAsync("succeeded", new() { Timeout = 3 * 3_600_000 });
        await Expect(page.GetByTestId("trial-runs").Locator("tbody tr .state-succeeded")).ToHaveCountAsync(Runs);
        var verdict = await page.GetByTestId("verdict").InnerTextAsync();
        TestContext.Current.TestOutputHelper!.WriteLine(verdict);
        Assert.Contains("LoRA", verdict, StringComparison.Ordinal);
        await PictureAsync(page, "trial.png");
        await page.GetByTestId("trial-board").ClickAsync();
        var rows = page.GetByTestId("board").Locator("tbody tr:not(.baseline)");
        await Expect(rows).ToHaveCountAsync(6);
        await PictureAsync(page, "trial-board.png");
        Assert.Empty(watched.Complaints);
    }

    private static async Task PrepareAsync(IPage page, string csv, string model)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "New competition" }).ClickAsync();
        await page.GetByLabel("Name").FillAsync("preferences");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        await page.GetByTestId("upload-input").SetInputFilesAsync(csv);
        await Expect(page.Locator(".panel", new() { HasText = "Training data" }).Locator(".report > p")).ToContainTextAsync("rows accepted");
        var competition = page.Url;
        await page.GetByRole(AriaRole.Link, new() { Name = "Models" }).ClickAsync();
        await page.GetByLabel("Folder").FillAsync(model);
        await page.GetByRole(AriaRole.Button, new() { Name = "Register" }).ClickAsync();
        await Expect(page.GetByTestId("models").Locator("tbody tr")).ToContainTextAsync([new Regex("minilm")]);
        await page.GotoAsync(competition.Split('?')[0] + "/new-trial");
    }

    // As data/trials/minilm.json has it; LoRA, rsLoRA, LoRA+ and DoRA are chosen already.
    private static async Task StartAsync(IPage page)
    {
        await page.GetByTestId("trial-name").FillAsync("Real battles on MiniLM");
        await page.GetByTestId("method-full").CheckAsync();
        await page.GetByTestId("trial-budget").FillAsync("337920");
        await page.GetByTestId("trial-steps").FillAsync("60");
        await page.GetByLabel("Tokens of one battle").FillAsync("128");
        await page.GetByLabel("Tokens of one battle").BlurAsync();
        await Expect(page.GetByTestId("trial-size")).ToContainTextAsync($"{Runs} runs: 5 methods and the null line, 3 seeds each");
        await page.GetByTestId("start-trial").ClickAsync();

        // Every run is checked before the first is made.
        var answer = page.GetByTestId("trial-error").Or(page.GetByTestId("trial-state"));
        await Expect(answer).ToBeVisibleAsync(new() { Timeout = 600_000 });
        Assert.False(await page.GetByTestId("trial-error").IsVisibleAsync(), await answer.InnerTextAsync());
        await Expect(page.GetByTestId("trial-runs").Locator("tbody tr")).ToHaveCountAsync(Runs);
    }

    private static async Task PictureAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("LORAARENA_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new() { Path = Path.Join(Path.GetFullPath(folder, Repository.Root), name), FullPage = true });
        }
    }
}

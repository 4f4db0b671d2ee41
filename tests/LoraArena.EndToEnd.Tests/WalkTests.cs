using System.Globalization;
using LoraArena.Core.Files;
using LoraArena.Tests.Support;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// The whole way as its user goes it. With <c>LORAARENA_SCREENSHOTS=docs</c> it takes all rows and the options as they stand, some
/// minutes long, and leaves the README's pictures in that folder.
/// </summary>
public sealed class WalkTests
{
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("LORAARENA_SCREENSHOTS") is { Length: > 0 } folder ? Path.GetFullPath(folder, Repository.Root) : null;

    [Fact]
    public async Task FromTheFirstAccountToASubmission()
    {
        var arena = new ArenaFolder(Directory.CreateTempSubdirectory("arena-walk-").FullName);
        try
        {
            await using var server = await WebServer.StartAsync(arena);
            await using var browser = await Browser.OpenAsync(server.Address);
            await WalkAsync(browser, arena);
            Assert.Empty(browser.Errors);
        }
        finally
        {
            Directory.Delete(arena.Root, recursive: true);
        }
    }

    private static async Task WalkAsync(Browser browser, ArenaFolder arena)
    {
        var page = browser.Page;
        await browser.RegisterAsync();

        // A competition, and its files: one row has two winners.
        await page.ClickAsync("text=New competition");
        await page.GetByRole(AriaRole.Dialog).GetByLabel("Name").FillAsync("Walk");
        await page.GetByRole(AriaRole.Dialog).GetByText("Create").ClickAsync();
        await page.WaitForURLAsync("**/competitions/**");
        var competition = new Uri(page.Url).AbsolutePath;
        await page.Locator(".tabs").GetByText("Data").ClickAsync();
        await page.GetByTestId("upload-input").SetInputFilesAsync([Train(arena), Test(arena)]);
        await Assertions.Expect(page.Locator(".report")).ToHaveCountAsync(2);
        var report = await page.Locator(".report").Filter(new LocatorFilterOptions { HasText = "winner" }).First.InnerTextAsync();
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"{TrainRows + 2}"), report.Replace(",", "", StringComparison.Ordinal), StringComparison.Ordinal);

        // A base model.
        await browser.GoAsync("/models");
        await page.GetByLabel("Folder").FillAsync(Repository.NanoModel);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Register", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("models")).ToContainTextAsync("arena-nano");

        // A run.
        await browser.GoAsync(competition);
        await page.GetByText("Train", new PageGetByTextOptions { Exact = true }).ClickAsync();
        await page.WaitForSelectorAsync("[data-testid=start]");
        if (Pictures is null)
        {
            await page.GetByText("More training options").ClickAsync();
            foreach (var (option, value) in new[] { ("max_steps", "60"), ("batch_size", "4"), ("max_length", "64") })
            {
                await page.GetByLabel(option, new PageGetByLabelOptions { Exact = true }).FillAsync(value);
                await page.GetByLabel(option, new PageGetByLabelOptions { Exact = true }).PressAsync("Tab");
            }
        }

        await page.GetByTestId("start").ClickAsync();
        await page.WaitForURLAsync("**/runs/**");
        await WatchAsync(page);
        await Assertions.Expect(page.Locator(".page-head")).ToContainTextAsync("succeeded", new LocatorAssertionsToContainTextOptions { Timeout = 600_000 });

        // What was checked is what is downloaded.
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByTestId("download-submission").ClickAsync());
        Assert.Matches("^submission-[0-9a-z]+\\.csv$", download.SuggestedFilename);
        AssertSubmission(await File.ReadAllLinesAsync((await download.PathAsync())!, TestContext.Current.CancellationToken));

        // The board, with the run among the baselines.
        await browser.GoAsync(competition);
        var rows = page.GetByTestId("board").Locator("tbody tr");
        await Assertions.Expect(rows).ToHaveCountAsync(4);
        await Assertions.Expect(rows.Filter(new LocatorFilterOptions { HasText = "LoRA" })).ToHaveCountAsync(1);
        if (Pictures is not null) await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Join(Pictures, "board.png") });
    }

    /// <summary>The curve and the step move while nobody reloads the page.</summary>
    private static async Task WatchAsync(IPage page)
    {
        var chart = page.GetByTestId("loss-chart");
        await Assertions.Expect(chart).ToHaveAttributeAsync("data-points", new System.Text.RegularExpressions.Regex("^[1-9]"));
        var (points, step) = (await PointsAsync(chart), await page.GetByTestId("step").InnerTextAsync());
        await page.EvaluateAsync("() => window.notReloaded = true");
        for (var i = 0; i < 600 && await PointsAsync(chart) <= points; i++) await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.True(await PointsAsync(chart) > points, $"the curve still has {points} points");
        await Assertions.Expect(page.GetByTestId("step")).Not.ToHaveTextAsync(step);
        Assert.True(await page.EvaluateAsync<bool>("() => window.notReloaded === true"));
        await Assertions.Expect(page.GetByTestId("log")).Not.ToBeEmptyAsync();
        if (Pictures is null) return;
        await Task.Delay(TimeSpan.FromSeconds(75), TestContext.Current.CancellationToken);
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Join(Pictures, "run.png") });
    }

    private static async Task<int> PointsAsync(ILocator chart) => int.Parse(await chart.GetAttributeAsync("data-points") ?? "0", CultureInfo.InvariantCulture);

    private static void AssertSubmission(string[] lines)
    {
        Assert.Equal("id,winner_model_a,winner_model_b,winner_tie", lines[0]);
        Assert.Equal(File.ReadLines(Path.Join(Repository.Starter, "test.csv")).Skip(1).Take(TestRows).Select(line => line.Split(',')[0]), lines.Skip(1).Select(line => line.Split(',')[0]));
        Assert.All(lines.Skip(1), line => Assert.Equal(1, line.Split(',').Skip(1).Sum(cell => double.Parse(cell, CultureInfo.InvariantCulture)), 1e-6));
    }

    private static int TrainRows => Pictures is null ? 120 : 2000;

    private static int TestRows => Pictures is null ? 15 : 500;

    private static string Train(ArenaFolder arena)
    {
        var lines = File.ReadLines(Path.Join(Repository.Starter, "train.csv")).Take(TrainRows + 1).ToList();
        lines.Add("""bad,m1,m2,"[""Hi""]","[""A""]","[""B""]",1,1,0""");
        return Write(arena, "train.csv", lines);
    }

    private static string Test(ArenaFolder arena) => Write(arena, "test.csv", File.ReadLines(Path.Join(Repository.Starter, "test.csv")).Take(TestRows + 1));

    private static string Write(ArenaFolder arena, string name, IEnumerable<string> lines)
    {
        var path = Path.Join(Directory.CreateDirectory(Path.Join(arena.Root, "files")).FullName, name);
        using var file = new StreamWriter(path);
        foreach (var line in lines) file.Write(line + "\n");
        return path;
    }
}

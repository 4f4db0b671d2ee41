using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace LoraArena.EndToEnd.Tests;

/// <summary>
/// A page by day and by night, on a desk and on a phone: nothing sticks out to the side, and axe finds nothing against WCAG 2 A and AA.
/// Where <c>LORAARENA_LOOKS</c> names a folder, a picture of each is left there.
/// </summary>
internal static class Looks
{
    private static readonly (string Name, int Width, int Height, ColorScheme Theme)[] Screens =
        [("desk", 1280, 800, ColorScheme.Light), ("tablet", 1024, 800, ColorScheme.Light), ("phone", 400, 800, ColorScheme.Dark)];

    private static readonly AxeRunOptions Wcag = new() { RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] } };

    /// <summary>Looks at a page. Colours depend on the theme and places on the screen: axe looks at each of both, not at each pair.</summary>
    public static async Task CheckAsync(IPage page, string name)
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

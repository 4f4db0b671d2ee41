using Deque.AxeCore.Commons;
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

    // Of what is in order only the rules are wanted: to describe every element that keeps one takes axe longer than to look at it.
    private const string RunAxe = """
        async () => {
          const run = { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }, resultTypes: ['violations'] };
          const found = await axe.run(document, run);
          const text = violation => `${violation.id} (${violation.help}):\n` + violation.nodes.map(node => `  ${node.html}\n    ${node.failureSummary}`).join('\n');
          return { passes: found.passes.length, violations: found.violations.map(text) };
        }
        """;

    private static readonly string Axe = new BundledAxeScriptProvider().GetScript();

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
            var found = await LookAsync(page);
            Assert.True(found.Passes > 0, "axe has found nothing to look at");
            Assert.True(found.Violations.Length == 0, $"{name}, {screen}, {theme}:\n" + string.Join('\n', found.Violations));
        }
    }

    private static async Task FitsAsync(IPage page, string message)
    {
        try
        {
            // A chart follows the width of its page a moment later.
            await page.WaitForFunctionAsync(
                "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth", null, new() { Timeout = 5_000 });
        }
        catch (TimeoutException)
        {
            Assert.Fail(message);
        }
    }

    private static async Task<Found> LookAsync(IPage page)
    {
        if (!await page.EvaluateAsync<bool>("() => 'axe' in window")) await page.EvaluateAsync(Axe);
        return await page.EvaluateAsync<Found>(RunAxe);
    }

    private sealed record Found
    {
        /// <summary>Rules that the page keeps.</summary>
        public int Passes { get; init; }

        /// <summary>Rules that it does not, with the elements.</summary>
        public string[] Violations { get; init; } = [];
    }
}

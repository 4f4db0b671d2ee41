using MudBlazor;

namespace LoraArena.Web.Components;

/// <summary>
/// The app's look: neutral surfaces with thin lines, one accent for the primary action and for what is running. Both palettes are written
/// as CSS variables, the dark one under an attribute of the page, so switching needs no round trip and nothing flashes.
/// </summary>
internal static class ArenaTheme
{
    private static readonly string[] Sans = ["Inter", "ui-sans-serif", "system-ui", "sans-serif"];

    /// <summary>Colours by day.</summary>
    public static MudTheme Light { get; } = Create(":root");

    /// <summary>Colours by night.</summary>
    public static MudTheme Dark { get; } = Create(":root[data-theme=dark]");

    private static MudTheme Create(string scope) => new()
    {
        PseudoCss = new PseudoCss { Scope = scope },
        PaletteLight = new PaletteLight
        {
            Primary = "#1d5fd1",
            PrimaryContrastText = "#ffffff",
            Secondary = "#475569",
            Success = "#15803d",
            Warning = "#a16207",
            Error = "#b91c1c",
            Info = "#0369a1",
            Background = "#f7f8fa",
            Surface = "#ffffff",
            AppbarBackground = "#ffffff",
            AppbarText = "#0f172a",
            TextPrimary = "#0f172a",
            TextSecondary = "#475569",
            TextDisabled = "#64748b",
            ActionDefault = "#475569",
            LinesDefault = "#dfe3ea",
            LinesInputs = "#94a3b8",
            TableLines = "#e6e9ef",
            Divider = "#dfe3ea",
            TableHover = "#f1f4f9",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#7aa7ff",
            PrimaryContrastText = "#0b1220",
            Secondary = "#a3b1c6",
            Success = "#4ade80",
            Warning = "#facc15",
            Error = "#f87171",
            Info = "#38bdf8",
            Background = "#0d1117",
            Surface = "#141a23",
            AppbarBackground = "#141a23",
            AppbarText = "#e6edf6",
            TextPrimary = "#e6edf6",
            TextSecondary = "#a3b1c6",
            TextDisabled = "#8493a8",
            ActionDefault = "#a3b1c6",
            LinesDefault = "#283140",
            LinesInputs = "#56647a",
            TableLines = "#222b38",
            Divider = "#283140",
            TableHover = "#1a2230",
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "7px", AppbarHeight = "52px" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = Sans, FontSize = "0.875rem", LineHeight = "1.5" },
            H1 = new H1Typography { FontSize = "1.75rem", FontWeight = "650", LineHeight = "1.25", LetterSpacing = "-0.02em" },
            H2 = new H2Typography { FontSize = "1.25rem", FontWeight = "600", LineHeight = "1.3", LetterSpacing = "-0.01em" },
            H3 = new H3Typography { FontSize = "1rem", FontWeight = "600", LineHeight = "1.4" },
            Button = new ButtonTypography { FontWeight = "550", TextTransform = "none", LetterSpacing = "0" },
        },
    };
}

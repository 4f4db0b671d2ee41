using System.Globalization;
using System.Text;

namespace LoraArena.Cli.Printing;

/// <summary>Figures and names for people.</summary>
internal static class Show
{
    /// <summary>A metric with four digits; empty where there is none.</summary>
    public static string Metric(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "";

    /// <summary>An interval with four digits; empty where there is none.</summary>
    public static string Interval(double? low, double? high) => low is null || high is null ? "" : $"{Metric(low)} to {Metric(high)}";

    /// <summary>A whole number with its thousands apart; empty where there is none.</summary>
    public static string Count(double? value) => value?.ToString("#,0", CultureInfo.InvariantCulture) ?? "";

    /// <summary>Bytes in MiB; empty where there are none.</summary>
    public static string Bytes(long? bytes) => bytes is { } b ? string.Create(CultureInfo.InvariantCulture, $"{b / 1024.0 / 1024.0:#,0} MiB") : "";

    /// <summary>A duration in the unit that fits; empty where there is none.</summary>
    public static string Seconds(double? seconds) => seconds switch
    {
        null => "",
        < 100 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"),
        < 6000 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0.0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.0} h"),
    };

    /// <summary>A time in UTC to the minute.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + "Z";

    /// <summary>A name that somebody chose, on one line and without characters that a terminal would follow instead of show.</summary>
    public static string Name(string name)
    {
        var shown = new StringBuilder(name.Length);
        foreach (var rune in name.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            }
            else shown.Append(rune);
        }

        return shown.ToString();
    }
}

using System.Globalization;

namespace LoraArena.Web.Components.Parts;

/// <summary>Numbers as people read them, the same under every culture.</summary>
internal static class Show
{
    /// <summary>12,345.</summary>
    public static string Count(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>0.9228: log losses differ in the third digit.</summary>
    public static string Loss(double? loss) => loss is { } value ? value.ToString("0.0000", CultureInfo.InvariantCulture) : "–";

    /// <summary>44.2 %.</summary>
    public static string Percent(double? share) => share is { } value ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %" : "–";

    /// <summary>1 h 02 min, 3 min 05 s, 12 s.</summary>
    public static string Duration(double? seconds)
    {
        if (seconds is not { } value) return "–";
        var time = TimeSpan.FromSeconds(Math.Max(0, Math.Round(value)));
        return time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes:00} min")
            : time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes} min {time.Seconds:00} s")
            : string.Create(CultureInfo.InvariantCulture, $"{time.Seconds} s");
    }

    /// <summary>1.4 GiB.</summary>
    public static string Bytes(long? bytes)
    {
        if (bytes is not { } value) return "–";
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var (size, unit) = ((double)value, 0);
        for (; size >= 1024 && unit < units.Length - 1; unit++) size /= 1024;
        return size.ToString(unit == 0 || size >= 100 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + units[unit];
    }

    /// <summary>676,995 or 3.5 M.</summary>
    public static string Parameters(long? count) => count switch
    {
        null => "–",
        < 1_000_000 => Count(count.Value),
        < 1_000_000_000 => (count.Value / 1e6).ToString("0.0", CultureInfo.InvariantCulture) + " M",
        _ => (count.Value / 1e9).ToString("0.00", CultureInfo.InvariantCulture) + " B",
    };

    /// <summary>"out of memory" for OutOfMemory.</summary>
    public static string Words(string name)
        => string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : " ") + char.ToLowerInvariant(c) : c.ToString()));

    /// <summary>2026-11-25 18:24 UTC.</summary>
    public static string Time(long milliseconds)
        => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}

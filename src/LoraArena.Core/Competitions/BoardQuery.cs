using System.Globalization;

namespace LoraArena.Core.Competitions;

/// <summary>
/// One view of a board: everything that a person can choose, with its form in the query of an address. What is not given has its default and
/// does not stand in the address; what cannot be read is taken as not given, since links live longer than pages.
/// </summary>
public sealed record BoardQuery
{
    /// <summary>Fold of a split that stands for all of them together.</summary>
    public const int AllFolds = -1;

    /// <summary>Id of the split; null is the competition's default.</summary>
    public string? Split { get; init; }

    /// <summary>The fold, or <see cref="AllFolds"/>; null where the split has none.</summary>
    public int? Fold { get; init; }

    /// <summary>Id of the line that all others are compared with; null lets the board choose.</summary>
    public string? Reference { get; init; }

    /// <summary>True shows each run for itself; false a line a method.</summary>
    public bool ByRun { get; init; }

    /// <summary>Words that name, variant, model, settings or tags must contain, each of them.</summary>
    public string? Filter { get; init; }

    /// <summary>Shows the runs of one trial alone.</summary>
    public string? Trial { get; init; }

    /// <summary>Column to sort by; null is log loss.</summary>
    public string? Sort { get; init; }

    /// <summary>True from the highest down.</summary>
    public bool Descending { get; init; }

    /// <summary>Columns to show, in order; null shows the usual ones.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>True gives each setting in which the lines differ a column of its own.</summary>
    public bool Differences { get; init; }

    /// <summary>Page of the table, from 1.</summary>
    public int Page { get; init; } = 1;

    /// <summary>The chart beside the table: forest, pareto, matrix or curves.</summary>
    public string Chart { get; init; } = "forest";

    /// <summary>Cost of the Pareto chart: seconds, memory or parameters.</summary>
    public string Cost { get; init; } = "seconds";

    /// <summary>Learning curves by seconds of training instead of by step.</summary>
    public bool BySeconds { get; init; }

    /// <summary>Learning curves on a logarithmic axis.</summary>
    public bool LogAxis { get; init; }

    /// <summary>Smoothing of learning curves: the window, in hundredths of the curve.</summary>
    public int Smoothing { get; init; } = UsualSmoothing;

    private const int UsualSmoothing = 5;

    /// <summary>Reads a view from the parameters of an address.</summary>
    /// <param name="get">The value of a parameter; null where it is not there.</param>
    public static BoardQuery Parse(Func<string, string?> get)
    {
        var columns = get("columns")?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(c => BoardColumns.Find(c) is not null)
            .Distinct(StringComparer.Ordinal)
            .ToList();
        return new BoardQuery
        {
            Split = Text(get("split")),
            Fold = get("fold") is "all" ? AllFolds : int.TryParse(get("fold"), NumberStyles.None, CultureInfo.InvariantCulture, out var fold) ? fold : null,
            Reference = Text(get("ref")),
            ByRun = get("by") == "run",
            Filter = Text(get("filter")),
            Trial = Text(get("trial")),
            Sort = BoardColumns.Find(get("sort")?.TrimStart('-') ?? "")?.Id,
            Descending = get("sort")?.StartsWith('-') == true,
            Columns = columns is { Count: > 0 } ? columns : null,
            Differences = get("differences") == "1",
            Page = int.TryParse(get("page"), NumberStyles.None, CultureInfo.InvariantCulture, out var page) && page > 0 ? page : 1,
            Chart = get("chart") is "pareto" or "matrix" or "curves" ? get("chart")! : "forest",
            BySeconds = get("x") == "seconds",
            LogAxis = get("axis") == "log",
            Smoothing = int.TryParse(get("smooth"), NumberStyles.None, CultureInfo.InvariantCulture, out var smooth) && smooth <= 50 ? smooth : UsualSmoothing,
            Cost = get("cost") is "memory" or "parameters" ? get("cost")! : "seconds",
        };
    }

    /// <summary>The parameters of the address, in a fixed order; those with defaults are null, which takes them out of an address.</summary>
    public IReadOnlyDictionary<string, object?> Parameters() => new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["split"] = Split,
        ["fold"] = Fold is AllFolds ? "all" : Fold?.ToString(CultureInfo.InvariantCulture),
        ["trial"] = Trial,
        ["ref"] = Reference,
        ["by"] = ByRun ? "run" : null,
        ["filter"] = Filter,
        ["sort"] = Sort is null && !Descending ? null : (Descending ? "-" : "") + (Sort ?? BoardColumns.LogLoss),
        ["columns"] = Columns is null ? null : string.Join(',', Columns),
        ["differences"] = Differences ? "1" : null,
        ["page"] = Page == 1 ? null : Page.ToString(CultureInfo.InvariantCulture),
        ["chart"] = Chart == "forest" ? null : Chart,
        ["cost"] = Cost == "seconds" ? null : Cost,
        ["x"] = BySeconds ? "seconds" : null,
        ["axis"] = LogAxis ? "log" : null,
        ["smooth"] = Smoothing == UsualSmoothing ? null : Smoothing.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The query of the address, with its question mark; empty where all is default.</summary>
    public string ToQueryString()
    {
        var parts = Parameters().Where(p => p.Value is not null).Select(p => $"{p.Key}={Uri.EscapeDataString((string)p.Value!)}").ToList();
        return parts.Count == 0 ? "" : "?" + string.Join('&', parts);
    }

    /// <summary>True where the table has the same lines in the same order as in another view, so that a page of it stays what it is.</summary>
    public bool HasLinesOf(BoardQuery other)
        => (Split, Fold, ByRun, Filter, Trial, Sort, Descending)
            == (other.Split, other.Fold, other.ByRun, other.Filter, other.Trial, other.Sort, other.Descending);

    private static string? Text(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();
}

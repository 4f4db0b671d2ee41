using System.Globalization;
using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Statistics;

namespace LoraArena.Web.Components.Charts;

/// <summary>The figures of a board. Points whose difference may be chance are hollow; those that are sure are filled.</summary>
public static class BoardFigures
{
    /// <summary>Lines that a forest plot or matrix shows at most.</summary>
    public const int MaxLines = 45;

    /// <summary>
    /// Differences to the reference with their intervals, best on top. The axis spans the compared rows; baselines, which are far off, stand at
    /// the right edge in a band of their own with their number beside it.
    /// </summary>
    public static Figure Forest(Board board, MethodColours colours)
    {
        var reference = board.Reference!;
        var compared = board.ComparedRows.OrderBy(r => r.LogLoss.Value).Take(MaxLines).ToList();
        var baselines = board.Rows.Where(r => r.IsBaseline).OrderBy(r => r.LogLoss.Value).ToList();
        Interval Of(BoardRow row) => Drawn(row);
        var spanning = compared.Count > 1 ? compared : [.. compared, .. baselines];
        var (low, high) = (spanning.Select(r => Of(r).Low).Append(0).Min(), spanning.Select(r => Of(r).High).Append(0).Max());
        var margin = Math.Max(1e-4, (high - low) * 0.08);
        (low, high) = (low - margin, high + margin);
        var wide = high - low;
        var far = baselines.Where(b => Of(b).Value > high || Of(b).Value < low).ToList();
        var lines = compared.Concat(baselines).ToList();
        var traces = new List<JsonObject>();
        foreach (var row in lines)
        {
            var difference = Of(row);
            var beyond = far.Contains(row);
            var colour = row.IsBaseline ? Figure.Quiet : colours.Of(row.Variant);
            var sure = row.Standing is Standing.Better or Standing.Worse;
            var x = beyond ? (difference.Value > 0 ? high + (0.09 * wide) : low - (0.09 * wide)) : difference.Value;
            traces.Add(Figure.Object(new
            {
                type = "scatter",
                mode = beyond ? "markers+text" : "markers",
                x = new[] { x },
                y = new[] { Label(row, board) },
                text = beyond ? new[] { difference.Value.ToString("+0.000;−0.000", CultureInfo.InvariantCulture) } : [],
                textposition = difference.Value > 0 ? "middle left" : "middle right",
                textfont = new { color = "var(--mud-palette-text-secondary)" },
                marker = new
                {
                    size = 10,
                    color = colour,
                    symbol = beyond
                        ? (difference.Value > 0 ? "triangle-right" : "triangle-left")
                        : colours.Shape(board, row) + (sure || row.Id == reference.Id ? "" : "-open"),
                    line = new { width = 2, color = colour },
                },
                error_x = new
                {
                    type = "data",
                    symmetric = false,
                    visible = row.Against is { Difference.IsKnown: true } && !beyond,
                    array = new[] { difference.High - difference.Value },
                    arrayminus = new[] { difference.Value - difference.Low },
                    color = colour,
                    thickness = 2,
                    width = 4,
                },
                hovertemplate = Figure.Text(Hover(row), 400) + "<extra></extra>",
            }));
        }

        var (edge, brim) = (high + (far.Any(b => Of(b).Value > high) ? 0.2 * wide : 0), low - (far.Any(b => Of(b).Value < low) ? 0.2 * wide : 0));
        var shapes = new List<object> { new
        {
            type = "line",
            x0 = 0,
            x1 = 0,
            yref = "paper",
            y0 = 0,
            y1 = 1,
            line = new { color = Figure.Line, width = 1, dash = "dot" },
        } };
        if (edge > high) shapes.Add(Band(high, edge));
        if (brim < low) shapes.Add(Band(brim, low));
        return new Figure(traces, Figure.Object(new
        {
            xaxis = new { title = new { text = $"Δ log loss to {Figure.Text(reference.Name)}; better is left" }, range = new[] { brim, edge }, nticks = 6, tickformat = "+.4~f" },
            yaxis = new { showgrid = false, categoryorder = "array", categoryarray = lines.AsEnumerable().Reverse().Select(r => Label(r, board)) },
            shapes,
            margin = new { l = 10, r = 14, t = 8, b = 44 },
        }));
    }

    // Lines up to which the pairs carry their numbers.
    private const int MaxNumbered = 10;

    /// <summary>The height that a matrix of pairs needs, in pixels: with numbers below the squares a line is higher.</summary>
    public static int MatrixHeight(Board board)
    {
        var lines = Math.Min(MaxLines, board.ComparedRows.Count());
        return 120 + ((lines <= MaxNumbered ? 54 : 34) * lines);
    }

    /// <summary>The height that a forest plot of a board needs, in pixels.</summary>
    public static int ForestHeight(Board board) => 74 + (30 * (Math.Min(MaxLines, board.ComparedRows.Count()) + board.Rows.Count(r => r.IsBaseline)));

    /// <summary>How a forest plot is read.</summary>
    public static string ForestKey(Board board)
        => $"Filled: surely better or worse than {board.Reference!.Name}. Hollow: cannot be told apart from it once all that is compared is counted in (p, Holm), even where the interval of the one difference leaves 0 out. Bars: 95 % interval. Baselines in the grey band are off the scale; their difference stands beside them.";

    /// <summary>Difference against cost, with the front of those that nothing beats in both.</summary>
    public static Figure Pareto(Board board, MethodColours colours, string cost)
    {
        var rows = board.ComparedRows.Where(r => Cost(r, cost) is > 0).OrderBy(r => Cost(r, cost)).ToList();
        var traces = new List<JsonObject>();
        var front = new List<BoardRow>();
        foreach (var row in rows)
        {
            if (front.Count == 0 || row.LogLoss.Value < front[^1].LogLoss.Value) front.Add(row);
        }

        traces.Add(Figure.Object(new
        {
            type = "scatter",
            mode = "lines",
            x = front.Select(r => Cost(r, cost)),
            y = front.Select(Delta),
            line = new { shape = "hv", color = Figure.Line, width = 1.5, dash = "dash" },
            hoverinfo = "skip",
            showlegend = false,
        }));
        foreach (var row in rows)
        {
            var difference = Drawn(row);
            var colour = colours.Of(row.Variant);
            var spread = row.Runs.Select(r => Cost(r, cost)).OfType<double>().ToList();
            traces.Add(Figure.Object(new
            {
                type = "scatter",
                name = Label(row, board),

                // Methods of one budget cost nearly the same: only those of the front, which lie apart, carry their name; the legend names all.
                mode = rows.Count <= 12 && front.Contains(row) ? "markers+text" : "markers",
                x = new[] { Cost(row, cost) },
                y = new[] { difference.Value },
                text = new[] { $" {Figure.Text(row.Name, 28)} " },
                textposition = row == front[^1] && front.Count > 1 ? "bottom left" : "bottom right",
                textfont = new { color = "var(--mud-palette-text-secondary)", size = 11 },
                marker = new { size = 11, color = colour, symbol = colours.Shape(board, row), line = new { width = 1, color = colour } },
                error_y = new
                {
                    type = "data",
                    symmetric = false,
                    array = new[] { difference.High - difference.Value },
                    arrayminus = new[] { difference.Value - difference.Low },
                    color = colour,
                    thickness = 1.5,
                    width = 4,
                    visible = row.Against is { Difference.IsKnown: true },
                },
                error_x = new
                {
                    type = "data",
                    symmetric = false,
                    array = new[] { spread.Count > 1 && row.Seeds == row.Runs.Count ? spread.Max() - spread.Average() : 0 },
                    arrayminus = new[] { spread.Count > 1 && row.Seeds == row.Runs.Count ? spread.Average() - spread.Min() : 0 },
                    color = colour,
                    thickness = 1.5,
                    width = 4,
                    visible = spread.Count > 1,
                },
                hovertemplate = Figure.Text(Hover(row), 400) + "<extra></extra>",
            }));
        }

        var apart = rows.Count > 1 && Cost(rows[^1], cost) > 3 * Cost(rows[0], cost);
        return new Figure(traces, Figure.Object(new
        {
            showlegend = true,
            xaxis = new { title = new { text = CostTitle(cost) }, type = apart ? "log" : "linear", nticks = 6 },
            yaxis = new { title = new { text = $"Δ log loss to {Figure.Text(board.Reference!.Name, 28)}; better is down" } },
            margin = new { l = 56, r = 24, t = 22, b = 44 },
        }));

        double Delta(BoardRow r) => r.Against?.Difference.Value ?? 0;
    }

    /// <summary>Each against each: blue where the row of the matrix is better, brown where it is worse, filled where that is sure.</summary>
    public static Figure Matrix(Board board)
    {
        var rows = board.ComparedRows.OrderBy(r => r.LogLoss.Value).Take(MaxLines).ToList();
        var pairs = Pairs(rows);
        var largest = pairs.Select(p => Math.Abs(p.Difference)).DefaultIfEmpty(1).Max();
        var size = Math.Clamp(420 / Math.Max(1, rows.Count), 8, 30);
        var traces = new List<JsonObject>();
        foreach (var (name, colour, chosen) in new (string, string, Func<Pair, bool>)[] { ("better", "var(--method-0)", p => p.Difference < 0), ("worse", "var(--method-1)", p => p.Difference >= 0) })
        {
            var of = pairs.Where(chosen).ToList();
            traces.Add(Figure.Object(new
            {
                type = "scatter",
                mode = rows.Count <= MaxNumbered ? "markers+text" : "markers",
                name,
                x = of.Select(p => Label(p.Second, board)),
                y = of.Select(p => Label(p.First, board)),
                text = of.Select(p => p.Difference.ToString("+0.000;−0.000;0.000", CultureInfo.InvariantCulture)),
                textposition = "bottom center",
                textfont = new { size = 10, color = "var(--mud-palette-text-secondary)" },
                marker = new
                {
                    size = of.Select(p => (size * 0.35) + (size * 0.45 * Math.Sqrt(Math.Abs(p.Difference) / Math.Max(1e-12, largest)))),
                    color = colour,
                    symbol = of.Select(p => p.Adjusted <= RankInterval.Level ? "square" : "square-open"),
                    line = new { width = 1.5, color = colour },
                },
                customdata = of.Select(p => BoardSentence.P(p.Adjusted)),
                hovertemplate = "%{y}<br>minus %{x}<br>Δ %{text}, p %{customdata} of all pairs<extra></extra>",
            }));
        }

        var labels = rows.Select(r => Label(r, board)).ToList();
        return new Figure(traces, Figure.Object(new
        {
            xaxis = new { categoryorder = "array", categoryarray = labels, tickangle = -40, showgrid = false },
            yaxis = new { categoryorder = "array", categoryarray = labels.AsEnumerable().Reverse(), showgrid = false },
            margin = new { l = 10, r = 14, t = 8, b = 20 },
        }));
    }

    /// <summary>A pair of lines: the difference of their log losses, and its p, adjusted for all pairs.</summary>
    public sealed record Pair(BoardRow First, BoardRow Second, double Difference, double Adjusted);

    /// <summary>All pairs, both ways, adjusted by Holm for the half of them that are different tests.</summary>
    public static IReadOnlyList<Pair> Pairs(IReadOnlyList<BoardRow> rows)
    {
        var half = Enumerable.Range(0, rows.Count).SelectMany(i => Enumerable.Range(i + 1, rows.Count - i - 1).Select(j => (I: i, J: j))).ToList();
        var p = new double[half.Count];
        Parallel.For(0, half.Count, k => p[k] = MethodComparison.Test(rows[half[k].I].Losses, rows[half[k].J].Losses));
        var adjusted = Holm.Adjust(p);
        return [.. half.SelectMany((pair, k) =>
        {
            var (a, b) = (rows[pair.I], rows[pair.J]);
            var difference = a.Losses.Mean - b.Losses.Mean;
            return new[] { new Pair(a, b, difference, adjusted[k]), new Pair(b, a, -difference, adjusted[k]) };
        })];
    }

    /// <summary>What a chart calls a line: names need not be different, lines of a chart must be.</summary>
    public static string Label(BoardRow row, Board board)
    {
        var name = Figure.Text(row.Name, 34);
        return board.Rows.Count(r => r.Name == row.Name) > 1 ? $"{name} ({row.Id[^4..]})" : name;
    }

    // A point without bounds is drawn as a point.
    private static Interval Drawn(BoardRow row)
        => row.Against is { Difference: var d } ? d.IsKnown ? d : new Interval(d.Value, d.Value, d.Value) : new Interval(0, 0, 0);

    private static object Band(double from, double to)
        => new
        {
            type = "rect",
            x0 = from,
            x1 = to,
            yref = "paper",
            y0 = 0,
            y1 = 1,
            fillcolor = Figure.Line + "/0.12",
            line = new { width = 0 },
            layer = "below",
        };

    private static string Hover(BoardRow row)
    {
        if (row.Against is not { Difference: var d })
        {
            return string.Create(CultureInfo.InvariantCulture, $"{row.Name}: log loss {row.LogLoss.Value:0.0000} (reference)");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Name}: log loss {row.LogLoss.Value:0.0000}, Δ {d.Value:+0.0000;−0.0000;0.0000} ({BoardSentence.Span(d, "+0.0000;−0.0000;0.0000")}), p {BoardSentence.P(row.PAdjusted ?? 1)}");
    }

    private static string CostTitle(string cost)
        => cost switch { "memory" => "peak memory, MiB", "parameters" => "trainable parameters", _ => "seconds of one training" };

    private static double? Cost(BoardRow row, string cost)
        => cost switch { "memory" => row.PeakMemoryBytes / 1048576.0, "parameters" => row.TrainableParameters, _ => row.Seconds };

    private static double? Cost(BoardRun run, string cost)
        => cost switch { "memory" => run.Cost?.PeakMemoryBytes / 1048576.0, "parameters" => run.Cost?.TrainableParameters, _ => run.Cost?.Seconds };
}

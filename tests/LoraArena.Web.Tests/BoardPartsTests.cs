using Bunit;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Tests.Boards;
using LoraArena.Web.Components.Boards;
using LoraArena.Web.Components.Charts;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor.Services;

namespace LoraArena.Web.Tests;

/// <summary>The table and the figures of a board: what they show of what they are given.</summary>
public sealed class BoardPartsTests : BunitContext
{
    private static readonly BoardRun[] Runs =
    [
        BoardCase.Run("01m8asjby8jkhd565k8damzm9q", "lora", 0, name: "<b>mine</b>"),
        BoardCase.Run("01m8asjby8jkhd565k8damzm9r", "lora", 0.00001, rank: 8),
        BoardCase.Run("01m8asjby8jkhd565k8damzm9s", "dora", -0.05, tags: ["keep"]),
    ];

    public BoardPartsTests()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddMudServices();
        var folder = new ArenaFolder(Directory.CreateTempSubdirectory("arena-parts-").FullName);
        Services.AddSingleton(folder);
        Services.AddSingleton(new BoardReader(folder, new CompetitionLibrary(folder, TimeProvider.System)));
        Services.AddSingleton(new SavedComparisons(folder, TimeProvider.System));
    }

    [Fact]
    public void TheTable_SaysOfEachLineHowItStandsBesideTheReference_AndWhatItIsTold()
    {
        var part = Table(new BoardQuery { ByRun = true, Columns = ["log_loss", "difference", "rank"], Differences = true });

        var rows = part.FindAll("tbody tr")
            .Select(row => row.Children.Select(cell =>
                string.Join(' ', cell.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToArray())
            .ToList();
        Assert.Equal(
            ["run 01m8asjby8jkhd565k8damzm9s▸provisional", "<b>mine</b>▸provisional", "run 01m8asjby8jkhd565k8damzm9r▸provisional", "uniform baseline"],
            rows.Select(r => r[1]));
        Assert.Matches(@"^−0\.0[45]\d\d \[−0\.0[45]\d\d, −0\.0[45]\d\d\] better$", rows[0][3]);
        Assert.Equal("0", rows[1][3]);
        Assert.EndsWith("≈", rows[2][3], StringComparison.Ordinal);
        Assert.EndsWith("worse", rows[3][3], StringComparison.Ordinal);
        Assert.Equal(["1", "2–3", "2–3", "–"], rows.Select(r => r[4]));
        Assert.Equal(["default", "default", "8", ""], rows.Select(r => r[5]));
        Assert.Equal("keep", rows[0][6]);
        Assert.Equal("reference", rows[1][7]);
        Assert.Empty(part.FindAll("b"));
    }

    [Fact]
    public void FailedAndCollapsedRuns_StandInTheTable_AsThat_WithWhatTheyCost()
    {
        var query = new BoardQuery { Columns = ["log_loss", "seconds"] };
        var board = BoardCase.Build(
            query, [BoardCase.Failed("01m8asjby8jkhd565k8damzm9t", "lora", RunMark.Diverged, seed: 7)],
            [Runs[0], Runs[2] with { Flag = RunMark.Collapsed }]);
        var part = Table(query, board);

        var failed = Assert.Single(part.FindAll("[data-testid=failed]"));
        Assert.Equal("runs/01m8asjby8jkhd565k8damzm9t", failed.QuerySelector("a")!.GetAttribute("href"));
        Assert.Equal(
            ["diverged", "Why 01m8asjby8jkhd565k8damzm9t ended."],
            [failed.QuerySelector(".tag")!.TextContent, failed.QuerySelector(".failed-reason")!.TextContent]);
        Assert.Equal(["–", "40 s"], failed.QuerySelectorAll("td.number").Select(c => c.TextContent));
        var tags = part.FindAll("tbody tr").Select(r => string.Join(' ', r.QuerySelectorAll(".tag-warning").Select(t => t.TextContent))).ToList();
        Assert.Equal(["collapsed", "1 failed", "", "diverged"], tags);
    }

    // It stands beside the board: an exception here would take the whole page with it.
    [Fact]
    public void DamagedKeptComparisons_AreNamed_AndCostNothingElse()
    {
        var competition = Services.GetRequiredService<ArenaFolder>().Competition("01m8asjby8jkhd565k8damzm9q");
        Directory.CreateDirectory(competition);
        AtomicFile.WriteText(Path.Join(competition, "comparisons.json"), "{");
        var part = Render<SavedViews>(p => p.Add(v => v.CompetitionId, "01m8asjby8jkhd565k8damzm9q").Add(v => v.Query, new BoardQuery()));

        part.WaitForAssertion(() => Assert.Contains(
            "comparisons.json: the file is damaged", part.Find("[data-testid=saved-views-damaged]").TextContent, StringComparison.Ordinal));
        Assert.NotNull(part.Find("[data-testid=keep-view]"));
        Assert.Equal("{", File.ReadAllText(Path.Join(competition, "comparisons.json")));
    }

    [Fact]
    public void MemoryAboveTheBase_IsAColumnToChoose_AndStandsInTheExports()
    {
        var query = new BoardQuery { Columns = ["memory_above_base_bytes"], Sort = "memory_above_base_bytes" };
        var board = BoardCase.Build(query, [BoardCase.Failed("01m8asjby8jkhd565k8damzm9t", "lora", RunMark.Diverged, seed: 7)], Runs[..2]);
        var part = Table(query, board);
        Assert.Equal("Memory above base ↑", part.Find("th .sort-button").TextContent);
        Assert.Equal(["128 KiB", "256 KiB", "–", "3.0 MiB"], part.FindAll("tbody tr td.number:not(:first-child)").Select(cell => cell.TextContent));

        var export = BoardExport.Of("C", new SplitReference("s", "split", null), board);
        Assert.Equal([8 << 14, 16 << 14, null], export.Rows.Select(r => r.MemoryAboveBaseBytes));
        var csv = export.Csv().ToList();
        Assert.All(csv, line => Assert.Equal(csv[0].Length, line.Length));
        var column = Array.IndexOf(csv[0], "memory_above_base_bytes");
        Assert.Equal(["131072", "262144", "", "3145728"], csv.Skip(1).Select(line => line[column]));
    }

    [Fact]
    public void ThePageOfTheTable_IsTheOneOfTheView_AndAnotherIsAnotherView()
    {
        var runs = Enumerable.Range(0, 60).Select(i => BoardCase.Run($"01m8asjby8jkhd565k8damzm{i:00}", "lora", 0.001 * i, seed: i)).ToArray();
        BoardQuery? asked = null;
        var query = new BoardQuery { ByRun = true, Page = 2 };
        var part = Table(query, BoardCase.Build(query, runs), change => asked = change);
        Assert.Equal(61 - 50, part.FindAll("tbody tr").Count);
        part.FindAll(".mud-pagination button").Single(button => button.TextContent.Trim() == "1").Click();
        Assert.Equal(query with { Page = 1 }, asked);

        // An address may name a page that a smaller board does not have.
        Assert.Equal(4, Table(query).FindAll("tbody tr").Count);
        Assert.True(query.HasLinesOf(query with { Chart = "matrix", Page = 1, Columns = ["p"] }));
        Assert.False(query.HasLinesOf(query with { Filter = "dora" }));
    }

    [Fact]
    public void AHeading_Sorts_AndAPin_MakesTheReference()
    {
        BoardQuery? asked = null;
        var part = Table(new BoardQuery { ByRun = true }, query => asked = query);
        part.FindAll("button.sort-button").Single(b => b.TextContent == "Time").Click();
        Assert.Equal("?by=run&sort=seconds", asked!.ToQueryString());
        part.FindAll("button.sort-button")[0].Click();
        Assert.Equal("?by=run&sort=-log_loss", asked.ToQueryString());
        part.Find("[data-testid=pin]").Click();
        Assert.Equal("?ref=01m8asjby8jkhd565k8damzm9s&by=run", asked.ToQueryString());
    }

    // The axis of the forest spans the compared; the baseline, 0.3 off, stands in a band at its edge.
    [Fact]
    public void TheForest_ZoomsToTheContenders_AndBreaksTheAxisForBaselines()
    {
        var figure = BoardFigures.Forest(BoardCase.Build(new BoardQuery { ByRun = true }, Runs), new MethodColours(null));
        var range = figure.Layout["xaxis"]!["range"]!.AsArray().Select(v => (double)v!).ToList();
        Assert.InRange(range[1] - range[0], 0.05, 0.12);
        var baseline = figure.Traces[^1];
        Assert.Equal("+0.300", (string)baseline["text"]![0]!);
        Assert.InRange((double)baseline["x"]![0]!, 0, range[1]);
        Assert.Equal(["circle", "circle", "square-open", "triangle-right"], figure.Traces.Select(t => (string)t["marker"]!["symbol"]!));
    }

    [Fact]
    public void ABaselineThatCannotBeToldApart_IsHollowInTheForest_AndOneThatCanIsFilled()
    {
        var board = BoardCase.Build(new BoardQuery { ByRun = true }, Runs);
        var near = board.ComparedRows.Last(r => r.Against is not null).Against;
        string Symbol(double p)
        {
            var rows = board.Rows.Select(r => r.IsBaseline ? r with { Against = near, PAdjusted = p } : r).ToList();
            return (string)BoardFigures.Forest(board with { Rows = rows }, new MethodColours(null)).Traces[^1]["marker"]!["symbol"]!;
        }

        Assert.Equal(("diamond-tall-open", "diamond-tall"), (Symbol(0.5), Symbol(0.001)));
    }

    // Methods of one budget cost nearly the same, so names at every point would lie on each other.
    [Fact]
    public void TheChartAgainstCost_NamesAllInItsLegend_AndAtTheirPointsOnlyThoseThatNoneBeats()
    {
        BoardRun[] runs = [.. Runs, BoardCase.Run("01m8asjby8jkhd565k8damzm9t", "pissa", 0.02), BoardCase.Run("01m8asjby8jkhd565k8damzm9u", "rslora", 0.01)];
        var figure = BoardFigures.Pareto(BoardCase.Build(new BoardQuery { ByRun = true }, runs), new MethodColours(null), "seconds");
        var points = figure.Traces.Skip(1).ToList();
        Assert.Equal(5, points.Select(t => (string)t["name"]!).Distinct().Count());
        Assert.Equal(
            ["run 01m8asjby8jkhd565k8damzm9r", "run 01m8asjby8jkhd565k8damzm9s"],
            points.Where(t => ((string)t["mode"]!).EndsWith("text", StringComparison.Ordinal)).Select(t => (string)t["name"]!));
        Assert.True((bool)figure.Layout["showlegend"]!);
        Assert.Contains("Δ log loss to", (string)figure.Layout["yaxis"]!["title"]!["text"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsComparedMost_HasAColourOfItsOwn_AndWhatSharesOneAnotherShape()
    {
        var colours = new MethodColours(null);
        string[] usual = ["lora", "dora", "rslora", "lora-plus", "full", "adalora", "pissa"];
        Assert.Equal(usual.Length, usual.Select(colours.Of).Distinct().Count());

        var shared = Enumerable.Range(0, 26).Select(i => new string((char)('a' + i), 2)).GroupBy(colours.Of).First(g => g.Count() > 1).Take(2).ToList();
        var board = BoardCase.Build(new BoardQuery(), [.. shared.Select((variant, i) => BoardCase.Run($"01m8asjby8jkhd565k8damzm9{i}", variant, 0))]);
        Assert.Equal(2, board.ComparedRows.Select(row => colours.Shape(board, row)).Distinct().Count());
        Assert.Equal(2, board.ComparedRows.Select(row => colours.Dash(board, row)).Distinct().Count());
    }

    [Fact]
    public void PairsAreAdjustedForEachOther_AndShownBothWays()
    {
        var board = BoardCase.Build(new BoardQuery { ByRun = true }, Runs);
        var pairs = BoardFigures.Pairs([.. board.ComparedRows]);
        Assert.Equal(6, pairs.Count);
        Assert.Equal(0, pairs.Sum(p => p.Difference), 1e-12);
        Assert.Equal(4, pairs.Count(p => p.Adjusted <= 0.05));
    }

    private IRenderedComponent<BoardTable> Table(BoardQuery query, Action<BoardQuery>? change = null)
        => Table(query, BoardCase.Build(query, Runs), change);

    private IRenderedComponent<BoardTable> Table(BoardQuery query, Board board, Action<BoardQuery>? change = null)
        => Render<BoardTable>(p => p.Add(t => t.Board, board)
            .Add(t => t.Query, query)
            .Add(t => t.Colours, new MethodColours(null))
            .Add(t => t.Change, change ?? (_ => { }))
            .Add(t => t.CompetitionId, "c")
            .Add(t => t.HasTest, true));
}

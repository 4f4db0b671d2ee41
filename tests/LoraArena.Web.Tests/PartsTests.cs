using System.Text.Json.Nodes;
using Bunit;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Data.Competitions;
using LoraArena.Data.Import;
using LoraArena.Web.Components.Parts;
using MudBlazor.Services;

namespace LoraArena.Web.Tests;

/// <summary>Parts of pages: what they show of what they are given.</summary>
public sealed class PartsTests : BunitContext
{
    private static readonly OptionDescription Rank = new("r", OptionKind.Integer, JsonValue.Create(16), 1, 1024, null, "Rank.");

    public PartsTests()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddMudServices();
    }

    [Fact]
    public void AnImportReport_ListsEachRejectedRow_AndSaysHowManyMoreThereAre()
    {
        var report = new ImportReport(
            FileRole.Train, "train.csv", new string('a', 64), 1234, Rows: 57_477, Accepted: 57_327, Repaired: 0, Rejected: 150,
            [new RowIssue(12, "winner_tie", "there is <no> winner", "7"), new RowIssue(3_000, null, "it has 8 cells; 9 are needed", null)],
            new ImportStatistics(new Dictionary<string, int> { ["model_a"] = 28_000, ["tie"] = 29_327 }, 7_000, 3, 1_060));
        var part = Render<ImportReportView>(p => p.Add(v => v.Report, report));

        Assert.Equal(
            "57,327 of 57,477 rows accepted, 150 rejected. Winners: model_a 48.8 % · tie 51.2 %. 7,000 with several turns, median answer 1,060 characters.",
            string.Join(' ', part.Find("p").TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal("Rejected rows, the first 2", part.Find("caption").TextContent);
        Assert.Equal(
            [["12", "winner_tie", "there is <no> winner"], ["3000", "", "it has 8 cells; 9 are needed"]],
            part.FindAll("tbody tr").Select(row => row.Children.Select(cell => cell.TextContent).ToArray()));
    }

    [Fact]
    public void AnImportReport_ListsRepairedRowsAndWarnings()
    {
        var report = new ImportReport(
            FileRole.Test, "test.csv", new string('a', 64), 1234, Rows: 10, Accepted: 9, Repaired: 1, Rejected: 1,
            [new RowIssue(12, "prompt", "no list", "7")], null)
        {
            Repairs = [new RowIssue(4, "response_a", "2 turns, but the prompt has 1", "3")],
            Warnings = ["1 row cannot be predicted."],
        };
        var part = Render<ImportReportView>(p => p.Add(v => v.Report, report));
        Assert.StartsWith("9 of 10 rows accepted, 1 of them repaired, 1 rejected.", part.Find("p").TextContent.Trim(), StringComparison.Ordinal);
        Assert.Equal(["Rejected rows", "Repaired rows"], part.FindAll("caption").Select(caption => caption.TextContent));
        Assert.Equal("1 row cannot be predicted.", part.Find(".mud-alert-message").TextContent.Trim());
    }

    [Theory]
    [InlineData("0", "'r' is 0; a number from 1 to 1024 is needed.")]
    [InlineData("2.5", "'r' is 2.5; a whole number is needed.")]
    [InlineData("many", "'r' is \"many\"; a number is needed.")]
    [InlineData("", "a number is needed.")]
    public void AnOptionThatCannotHaveTheValue_SaysWhy(string typed, string sentence)
    {
        var part = Render<OptionField>(p => p.Add(f => f.Option, Rank).Add(f => f.Value, "16"));
        Assert.DoesNotContain("needed", part.Markup, StringComparison.Ordinal);
        part.Find("input").Change(typed);
        Assert.Contains(sentence, part.Find(".mud-input-control").TextContent, StringComparison.Ordinal);
        part.Find("input").Change("8");
        Assert.DoesNotContain("needed", part.Markup, StringComparison.Ordinal);
    }
}

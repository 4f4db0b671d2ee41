using System.Globalization;
using System.Text;
using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;

namespace LoraArena.Data.Tests.Import;

/// <summary>
/// One broken quote costs what follows it in its row, and not the file; where the next row cannot be told for sure, the file is refused whole.
/// </summary>
public sealed class BrokenQuoteTests
{
    private const string Header = "id,prompt,response_a,response_b\n";
    private const int Count = 12;

    public static TheoryData<string, int, bool> Faults
    {
        get
        {
            var faults = new TheoryData<string, int, bool>();
            foreach (var place in new[] { 0, 5, Count - 1 })
            {
                // The row's cells with one fault: not opened, not closed, closed twice, not doubled, text behind, a stray one in a bare cell.
                // Where it comes after the prompt, there is something to predict.
                foreach (var (cells, isTaken) in new[]
                {
                    ("[\"\"p\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"", false),
                    ("\"[\"\"p\"\"],\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"", false),
                    ("\"[\"\"p\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]", true),
                    ("\"[\"\"p\"\"]\"\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"", false),
                    ("\"[\"p\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"", false),
                    ("\"[\"\"p\"\"]\" x,\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"", false),
                    ("[null],[nu\"ll],[null]", true),
                    ("\"[null],[null],[null]", false),
                })
                {
                    faults.Add(cells, place, isTaken);
                }
            }

            return faults;
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void ABrokenRow_IsNamedAtItsLineAndTheRestIsTaken(string cells, int place, bool isTaken)
    {
        foreach (var good in new[] { "\"[\"\"p\"\",null]\",\"[\"\"a, b\"\",null]\",\"[\"\"c\"\",null]\"", "[null],[null],[null]" })
        {
            var lines = Enumerable.Range(0, Count).Select(i => $"r{i},{(i == place ? cells : good)}");
            var rows = Read(Header + string.Join('\n', lines) + "\n");
            Assert.Equal(Enumerable.Range(0, Count).Select(i => $"r{i}"), rows.Select(row => row.Id!));
            Assert.Equal(Enumerable.Range(0, Count).Select(i => isTaken || i != place), rows.Select(row => row.Issue is null));
            var broken = Assert.Single(rows, row => row.Issue is not null || row.Repair is not null);
            var issue = (isTaken ? broken.Repair : broken.Issue)!;
            Assert.Equal((place + 2L, $"r{place}"), (issue.Line, issue.Id!));
            Assert.Contains("quote", issue.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void BrokenRows_AreEachNamed_AlsoWhereTheirQuotesMakeAPair()
    {
        var lines = Enumerable.Range(0, Count).Select(i => $"r{i},{(i == 2 ? "\"" : "")}[null],[null],[null]{(i == 8 ? "\"" : "")}");
        var rows = Read(Header + string.Join("\r\n", lines) + "\r\n");
        Assert.Equal([(4L, "r2")], rows.Where(row => row.Issue is not null).Select(row => (row.Line, row.Id!)));
        Assert.Equal([(10L, "r8")], rows.Where(row => row.Repair is not null).Select(row => (row.Line, row.Id!)));
        Assert.Equal(Count, rows.Count);
        Assert.Contains("closed in a later row", rows[2].Issue!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ABrokenRowOfSeveralLines_IsRejectedWithTheLinesThatMayBelongToIt()
    {
        var rows = Read(Header + "1,[null],[null],[null]\n2,\"[\"\"p\"\"\n,null],\"[null\n]\",[null]\n3,[null],[null],[null]\n");
        Assert.Equal(["1", "2", "3"], rows.Select(row => row.Id));
        Assert.Equal(3, rows[1].Issue!.Line);
        Assert.Contains("(lines 3 to 5 are left out", rows[1].Issue!.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1,[null],[null],[null]\n2,\"[\"\"p\"\"],[null],[null]\nx y z\nand so on\n", 3)]
    [InlineData("1,[null],[null],[null]\n2,[null],[n\"ull],[null]\n3,oops,[null],[null]\n", 3)]
    [InlineData("1,\"[\"\"a\"\"],[null],[null]\n2,\"[\"\"b\"\"],[null],[null]\n3,\"[\"\"c\"\"],[null],[null]\n", 2)]
    public void WhereTheNextRowIsInDoubt_TheFileIsRefusedAtTheLineTheBrokenOneBeginsOn(string rows, long line)
    {
        var refusal = Assert.Throws<CsvRefusedException>(() => Read(Header + rows));
        Assert.Equal(line, refusal.Line);
        Assert.Contains("leave it open where the next row begins", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ALastRowThatIsCutOff_SaysSo()
    {
        var rows = Read(Header + "1,[null],[null],[null]\n2,\"[\"\"p\"\"]\",\"[\"\"half of an an");
        Assert.Equal(("2", "p"), (rows[1].Repair!.Id, rows[1].Battle!.Prompts[0]));
        Assert.Contains("perhaps the file has been cut off; response_a: the row ends before it", rows[1].Repair!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void RowsThatOnlyLookBroken_AreReadAsTheyAre()
    {
        // A whole row stands inside the quotes of another: that is text.
        const string Text = "id,note,prompt,response_a,response_b\n1,\"see\n9,x,[null],[null],[null]\nthere\",[null],[null],[null]\n2,,[null],[null],[null]\n";
        Assert.Equal(["1", "2"], Read(Text).Select(row => row.Id));
    }

    [Fact]
    public void TwoHundredBrokenRowsAmongThousands_AreFoundInReasonableTime()
    {
        var text = new StringBuilder(Header);
        for (var i = 0; i < 4000; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{i},\"[\"\"p\"\"{(i % 20 == 7 ? "]" : "]\"")},\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"\n");
        }

        var rows = Read(text.ToString());
        Assert.Equal((4000, 200), (rows.Count, rows.Count(row => row.Issue is not null)));
    }

    [Fact]
    public void ABrokenRowInWideText_IsPassedOverToo()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = [
            .. Encoding.Unicode.GetPreamble(),
            .. Encoding.Unicode.GetBytes(Header + "1,\"[\"\"é\"\"],[null],[null]\r\n2,\"[\"\"é\"\"]\",[null],[null]\r\n")];
        var rows = PreferenceCsv.Read(folder.Write("f.csv", bytes), "f.csv", FileRole.Test, TestContext.Current.CancellationToken).ToList();
        Assert.Equal((2L, "é"), (rows[0].Issue!.Line, rows[1].Battle!.Prompts[0]));
    }

    private static List<ImportedRow> Read(string text)
    {
        using var folder = new TemporaryFolder();
        return PreferenceCsv.Read(folder.Write("f.csv", text), "f.csv", FileRole.Test, TestContext.Current.CancellationToken).ToList();
    }
}

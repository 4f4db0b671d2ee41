using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Import;

namespace LoraArena.Data.Tests.Import;

/// <summary>Rows that would leave a submission incomplete if they were refused.</summary>
public sealed class RepairTests
{
    private const string Test = "id,prompt,response_a,response_b\n";

    [Theory]
    [InlineData("\"[\"\"p\"\",\"\"q\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\",\"\"c\"\"]\"", "p|q", "a|∅", "b|c", "response_a", "1 turn, but the prompt has 2: the missing one is read as null")]
    [InlineData("\"[\"\"p\"\",\"\"q\"\",null]\",[],\"[\"\"b\"\",\"\"c\"\",null]\"", "p|q|∅", "∅|∅|∅", "b|c|∅", "response_a", "0 turns, but the prompt has 3: the missing ones are read as null")]
    [InlineData("\"[\"\"p\"\"]\",\"[\"\"a\"\",null,\"\"c\"\"]\",\"[\"\"b\"\"]\"", "p", "a\n\nc", "b", "response_a", "3 turns, but the prompt has 1: those from the 1. on are joined")]
    [InlineData("\"[\"\"p\"\"]\",[null],\"[null,null]\"", "p", "∅", "∅", "response_b", "2 turns, but the prompt has 1: those from the 1. on are joined")]
    [InlineData("[],[],[]", "∅", "∅", "∅", "prompt", "no turn: one without text takes its place; response_a: 0 turns, but")]
    [InlineData("[],\"[\"\"a\"\",\"\"c\"\"]\",\"[\"\"b\"\"]\"", "∅|∅", "a|c", "b|∅", "prompt", "no turn: 2 without text take its place; response_b: 1 turn, but the prompt has 2")]
    [InlineData(",\"[\"\"a\"\"]\",[null]", "∅", "a", "∅", "prompt", "the cell is empty; no turn")]
    [InlineData("[null],null, ", "∅", "∅", "∅", "response_a", "null in place of a list of turns; response_b: the cell is empty")]
    [InlineData("plain text,[null],[null]", "plain text", "∅", "∅", "prompt", "not a list of turns: at character 1 'p' stands where '['")]
    [InlineData("[null],\"['a', 'b']\",[1]", "∅", "['a', 'b']", "[1]", "response_a", "not a list of turns: at character 2 ")]
    [InlineData("\"[\"\"p\"\",\"\"q\"\"]\",{},[null]", "p|q", "{}|∅", "∅|∅", "response_a", "not a list of turns: at character 1 '{' stands")]
    [InlineData("\"[\"\"p\"\"]\",NaN,None", "p", "∅", "∅", "response_a", "NaN in place of a list of turns; response_b: None in place")]
    [InlineData("nan,\"[\"\"a\"\"]\",[null]", "∅", "a", "∅", "prompt", "nan in place of a list of turns; no turn")]
    [InlineData("\"\"\"p \\n\"\"\",[null],[null]", "p \n", "∅", "∅", "prompt", "one text in place of a list of turns")]
    public void ARowOfOtherTurnsThanThePrompt_IsTakenAndSaysHow(string cells, string prompts, string a, string b, string column, string how)
    {
        var row = Read($"{Test}5,{cells}\n").Single();
        Assert.Null(row.Issue);
        Assert.Equal((prompts, a, b), (Show(row.Battle!.Prompts), Show(row.Battle.ResponsesA), Show(row.Battle.ResponsesB)));
        Assert.Equal((2L, column, "5"), (row.Repair!.Line, row.Repair.Column!, row.Repair.Id!));
        Assert.StartsWith(how, row.Repair.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[null],\"[\"\"a\"\"]\"", "the row has 3 cells, the header 4; response_b: the row ends before it; 0 turns, but the prompt has 1")]
    [InlineData("[null],\"[\"\"a\"\"]\",[null],x", "the row has 5 cells, the header 4; what follows its texts is passed over")]
    [InlineData("[null],\"[\"\"a\"\"]\",\"[\"\"b", "a quote is opened in the row that begins here and never closed. It is the last row")]
    public void ARowOfTestDataThatIsDamaged_IsTakenAsFarAsItCanBeRead_AndIsRejectedWhereNothingCan(string cells, string how)
    {
        var row = Read($"{Test}4,[null],[null],[null]\n5,{cells}")[1];
        Assert.Null(row.Issue);
        Assert.Equal(("5", "∅", "a", "∅"), (row.Battle!.Id, Show(row.Battle.Prompts), Show(row.Battle.ResponsesA), Show(row.Battle.ResponsesB)));
        Assert.Equal((3L, null, "5"), (row.Repair!.Line, row.Repair.Column, row.Repair.Id!));
        Assert.StartsWith(how, row.Repair.Reason, StringComparison.Ordinal);

        var rejected = Read(Test + "4,[null],[null],[null]\n5,oops\n,[null],[null]\n").Where(other => other.Issue is not null).ToList();
        Assert.Equal(["the row has 2 cells, the header 4", "the id is empty"], rejected.Select(other => other.Issue!.Reason));
    }

    [Fact]
    public void ARowOfMoreTurnsThanAreAllowed_IsTakenWithTheLastOnesJoined()
    {
        var turns = string.Join(',', Enumerable.Range(0, Turns.Max + 2).Select(i => $"\"\"t{i}\"\""));
        foreach (var cells in new[] { $"\"[{turns}]\",\"[{turns}]\",[null]", $"[],\"[{turns}]\",[null]", $"\"[{turns}]\",[null],\"[{turns}]\"" })
        {
            var row = Read($"{Test}5,{cells}\n").Single();
            Assert.Null(row.Issue);
            var texts = new[] { row.Battle!.Prompts, row.Battle.ResponsesA, row.Battle.ResponsesB };
            Assert.All(texts, text => Assert.Equal(Turns.Max, text.Count));
            Assert.Contains(texts, text => text.TakeLast(2).ToArray() is ["t254", "t255\n\nt256\n\nt257"]);
            Assert.Contains("258 turns, ", row.Repair!.Reason, StringComparison.Ordinal);
            Assert.Contains("those from the 256. on are joined", row.Repair.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ARowThatIsAsItMustBe_IsNotRepaired()
    {
        var rows = Read(Test + "1,[null],[null],[null]\n2,\"[\"\"p\"\",\"\"\"\"]\",\"[null,\"\"a\"\"]\",\"[\"\"\"\",null]\"\n");
        Assert.All(rows, row => Assert.Null(row.Repair));
        Assert.All(rows, row => Assert.NotNull(row.Battle));
    }

    [Fact]
    public void Repairs_LeaveThePromptsGroupAsItIs()
    {
        var rows = Read(Test + "1,\"[\"\"p\"\"]\",[null],[null]\n2,\"[\"\"p\"\"]\",\"[\"\"a\"\",\"\"b\"\"]\",[]\n3,\"[\"\"q\"\"]\",[],[]\n");
        Assert.Equal(PromptGroup.Key(rows[0].Battle!), PromptGroup.Key(rows[1].Battle!));
        Assert.NotEqual(PromptGroup.Key(rows[0].Battle!), PromptGroup.Key(rows[2].Battle!));
    }

    [Fact]
    public void Repairs_AreMadeInTrainingDataToo()
    {
        const string Train = "id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n";
        var row = Read(Train + "7,\"[\"\"p\"\"]\",[],\"[\"\"b\"\"]\",0.0,1.0,0.0\n", FileRole.Train).Single();
        Assert.Equal(Core.Battles.Winner.ModelB, row.Battle!.Winner);
        Assert.Equal("response_a", row.Repair!.Column);
        row = Read(Train + "7,plain text,[null],[null],0,1,0\n", FileRole.Train).Single();
        Assert.Equal(("plain text", Core.Battles.Winner.ModelB, "prompt"), (row.Battle!.Prompts[0], row.Battle.Winner!.Value, row.Repair!.Column!));
    }

    [Fact]
    public void ARowOfTrainingDataWithOtherCellsThanTheHeader_IsRejected()
    {
        // Which of its cells are the label is open.
        const string Train = "id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n";
        Assert.Equal("the row has 8 cells, the header 7", Read(Train + "7,[null],[null],[null],0,1,0,\n", FileRole.Train).Single().Issue!.Reason);
    }

    private static string Show(IReadOnlyList<string?> turns) => string.Join('|', turns.Select(turn => turn ?? "∅"));

    private static List<ImportedRow> Read(string text, FileRole role = FileRole.Test)
    {
        using var folder = new TemporaryFolder();
        return PreferenceCsv.Read(folder.Write("f.csv", text), "f.csv", role, TestContext.Current.CancellationToken).ToList();
    }
}

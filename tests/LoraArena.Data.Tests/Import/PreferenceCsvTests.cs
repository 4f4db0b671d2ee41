using System.Globalization;
using System.Text;
using CsCheck;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;

namespace LoraArena.Data.Tests.Import;

public sealed class PreferenceCsvTests
{
    private const string Header = "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n";

    [Fact]
    public void Read_TakesEveryColumnOfATrainRow()
    {
        var row = Read(Header + "7,m1,m2,\"[\"\"p\"\",\"\"q\"\"]\",\"[\"\"a\"\",null]\",\"[\"\"b\"\",\"\"\"\"]\",0,1,0\n").Single();
        var battle = row.Battle!;
        Assert.Equal((2L, "7", "m1", "m2", Winner.ModelB), (row.Line, battle.Id, battle.ModelA, battle.ModelB, battle.Winner));
        Assert.Equal(["p", "q"], battle.Prompts);
        Assert.Equal(["a", null], battle.ResponsesA);
        Assert.Equal(["b", ""], battle.ResponsesB);
    }

    [Fact]
    public void Read_FindsColumnsByNameInAnyOrderAndPassesOthersOver()
    {
        var row = Read("note,winner_tie,response_b,winner_model_a,prompt,id,winner_model_b,response_a\nx,1,[null],0,\"[\"\"p\"\"]\",007,0,\"[\"\"a\"\"]\"\n").Single();
        Assert.Equal(("007", Winner.Tie, "a"), (row.Battle!.Id, row.Battle.Winner, row.Battle.ResponsesA[0]));
        Assert.Null(row.Battle.ModelA);
    }

    [Theory]
    [InlineData("\n", "utf-8", "")]
    [InlineData("\r\n", "utf-8", "")]
    [InlineData("\r", "utf-8", "sep=,")]
    [InlineData("\n", "utf-16", "")]
    public void ReadAt_GivesTheSameBattlesWithoutThoseBetween(string lineBreak, string encoding, string firstLine)
    {
        string[] lines =
        [
            Header.TrimEnd(), "1,m,n,\"[\"\"é\"\"]\",\"[\"\"a\"\"]\",\"[null]\",1,0,0", "2,m,n,\"[\"\"broken\",[null],[null],1,0,1",
            "3,m,n,\"[\"\"p\"\",\n\"\"q\"\"]\",\"[\"\"日本\"\",null]\",\"[\"\"b\"\",\"\"\"\"]\",0,1,0", "4,m,n,[null],[null],[null],1,1,0",
            "5,m,n,\"[\"\"last\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\",0,0,1",
        ];
        using var folder = new TemporaryFolder();
        var path = folder.At("train.csv");
        File.WriteAllBytes(path, [
            .. Encoding.GetEncoding(encoding).GetPreamble(),
            .. Encoding.GetEncoding(encoding).GetBytes((firstLine.Length > 0 ? firstLine + lineBreak : "") + string.Join(lineBreak, lines) + lineBreak)]);
        var rows = PreferenceCsv.Read(path, "train.csv", FileRole.Train, TestContext.Current.CancellationToken).Where(row => row.Battle is not null).ToList();
        Assert.Equal(["1", "3", "5"], rows.Select(row => row.Id));

        var again = PreferenceCsv.ReadAt(path, "train.csv", FileRole.Train, [.. rows.Select(row => row.Offset).Reverse()]).ToList();
        Assert.Equal(["5", "3", "1"], again.Select(battle => battle.Id));
        Assert.Equal(rows[1].Battle!.Prompts, again[1].Prompts);
        Assert.Equal(rows[1].Battle!.ResponsesA, again[1].ResponsesA);
        Assert.Equal("é", again[2].Prompts[0]);

        // In the middle of a row there is none.
        Assert.Throws<CsvRefusedException>(() => PreferenceCsv.ReadAt(path, "train.csv", FileRole.Train, [rows[1].Offset + 9]).ToList());
    }

    [Theory]
    [InlineData("1,0,1", "winner_tie", "two winners: winner_model_a is 1 too")]
    [InlineData("0,0,0", "winner_model_a", "no winner")]
    [InlineData("1.5,0,0", "winner_model_a", "'1.5' is neither 0 nor 1")]
    [InlineData("0.5,0.5,0", "winner_model_a", "'0.5' is neither 0 nor 1")]
    [InlineData("1.0,1,0", "winner_model_b", "two winners: winner_model_a is 1 too")]
    [InlineData("0.0,0,0.0", "winner_model_a", "no winner")]
    [InlineData("1e1,0,0", "winner_model_a", "'1e1' is neither 0 nor 1")]
    [InlineData("0x1,0,0", "winner_model_a", "'0x1' is neither 0 nor 1")]
    [InlineData("-1,0,0", "winner_model_a", "'-1' is neither 0 nor 1")]
    [InlineData("0,true,0", "winner_model_b", "'true' is neither 0 nor 1")]
    [InlineData("0, 1 ,0", "winner_model_b", "' 1 ' is neither 0 nor 1")]
    [InlineData("NaN,0,1", "winner_model_a", "'NaN' is neither 0 nor 1")]
    [InlineData("0,0,Infinity", "winner_tie", "'Infinity' is neither 0 nor 1")]
    [InlineData("1e400,0,0", "winner_model_a", "'1e400' is neither 0 nor 1")]
    [InlineData("１,0,0", "winner_model_a", "'１' is neither 0 nor 1")]
    [InlineData(",0,1", "winner_model_a", "'' is neither 0 nor 1")]
    public void Read_RejectsARowWhoseLabelsAreNotOneOneAndZeros(string labels, string column, string reason)
    {
        var issue = Read($"{Header}9,m,n,[null],[null],[null],{labels}\n").Single().Issue!;
        Assert.Equal((2L, column, "9"), (issue.Line, issue.Column, issue.Id));
        Assert.Contains(reason, issue.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("9,m,n,[null],[null],[null],1,0\n", null, "8 cells, the header 9")]
    [InlineData("9,m,n,[null],[null],[null],1,0,0,\n", null, "10 cells, the header 9")]
    [InlineData(",m,n,[null],[null],[null],1,0,0\n", "id", "the id is empty")]
    [InlineData("9,m,n,,,,1,0,0\n", null, "the prompt and both answers are empty cells")]
    [InlineData("9,m,n,NaN,None,nan,1,0,0\n", null, "the prompt and both answers are empty cells")]
    [InlineData("9,m,n,plain text,x,y,1,0,0\n", "prompt", "not a list of turns: at character 1 'p' stands")]
    [InlineData("9,m,n,,{},NaN,1,0,0\n", "response_a", "not a list of turns")]
    [InlineData("9,m,n,,[1],\"['a']\",1,0,0\n", "response_a", "nor can the other texts of the row be read")]
    [InlineData("9,m,n,[null],plain text,[null],1,1,0\n", "winner_model_b", "two winners")]
    public void Read_RejectsARowWithItsColumnAndReasonAndGoesOn(string bad, string? column, string reason)
    {
        var rows = Read($"{Header}{bad}10,m,n,[null],[null],[null],1,0,0\n");
        var issue = rows[0].Issue!;
        Assert.Equal((2L, column), (issue.Line, issue.Column));
        Assert.Contains(reason, issue.Reason, StringComparison.Ordinal);
        Assert.Equal("10", rows[1].Battle!.Id);
    }

    [Fact]
    public void Read_RejectsBlankLinesBetweenRowsAndNotAtTheEnd()
    {
        var rows = Read("id,prompt,response_a,response_b\n1,[null],[null],[null]\n\n2,[null],[null],[null]\n\n", FileRole.Test);
        Assert.Equal(["1", null, "2"], rows.Select(r => r.Id));
        Assert.Equal("the line is blank", rows[1].Issue!.Reason);
    }

    [Fact]
    public void Read_RejectsTheSecondRowOfAnIdAndNamesBothLines()
    {
        var rows = Read(
            "id,prompt,response_a,response_b\n1,\"[\"\"a\"\"]\",[null],[null]\n2,\"[\"\"a\nb\"\"]\",[null],[null]\n1,[null],[null],[null]\n",
            FileRole.Test);
        Assert.NotNull(rows[0].Battle);
        Assert.Equal((5L, "id", "1"), (rows[2].Issue!.Line, rows[2].Issue!.Column, rows[2].Issue!.Id));
        Assert.Equal("id '1' is on line 2 already", rows[2].Issue!.Reason);
    }

    [Fact]
    public void Read_GivesAnIdToTheFirstRowOfItThatCanBeUsed()
    {
        var rows = Read("id,prompt,response_a,response_b\n1,oops,oops,\n1,\"[\"\"p\"\"]\",[null],[null]\n1,[null],[null],[null]\n", FileRole.Test);
        Assert.NotNull(rows[0].Issue);
        Assert.Equal("p", rows[1].Battle!.Prompts[0]);
        Assert.Equal("id '1' is on line 3 already", rows[2].Issue!.Reason);
    }

    [Theory]
    [InlineData("../../x")]
    [InlineData("=cmd|' /C calc'!A0")]
    [InlineData(" 1 ")]
    [InlineData("1e5")]
    [InlineData("ıİ")]
    public void Read_TakesIdsAsTheyAre(string id)
        => Assert.Equal(id, Read($"id,prompt,response_a,response_b\n{id},[null],[null],[null]\n", FileRole.Test).Single().Battle!.Id);

    [Fact]
    public void Read_AllowsAnIdOfTheMostCharactersAndNotOneMore()
    {
        var rows = Read($"id,prompt,response_a,response_b\n{new string('x', CsvLimits.IdCharacters)},[null],[null],[null]\n{new string('y', CsvLimits.IdCharacters + 1)},[null],[null],[null]\n", FileRole.Test);
        Assert.Null(rows[0].Issue);
        Assert.Contains("1001 characters", rows[1].Issue!.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("id,prompt,response_a\n1,a,b\n", FileRole.Test, "this column is missing: response_b; the header is: id, prompt, response_a.")]
    [InlineData("id,Prompt,response a,response_b\n1,a,b,c\n", FileRole.Test, "Rename 'Prompt' to 'prompt'. Rename 'response a' to 'response_a'.")]
    [InlineData("id,prompt,prompt,response_a,response_b\n1,a,b,c,d\n", FileRole.Test, "column 'prompt' is there twice")]
    [InlineData("id,winner_model_a,winner_model_b\n1,0,1\n", FileRole.Sample, "this column is missing: winner_tie")]
    [InlineData("1,[null],[null],[null]\n", FileRole.Test, "these columns are missing: id, prompt, response_a, response_b")]
    [InlineData("id,prompt,response_a,response_b\n", FileRole.Test, "no rows")]
    [InlineData("id,prompt,response_a,response_b\n\n\n", FileRole.Test, "no rows")]
    public void Read_RefusesAFileWhoseHeaderDoesNotFit(string text, FileRole role, string reason)
        => Assert.Contains(reason, Assert.Throws<CsvRefusedException>(() => Read(text, role)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("1,0.2,0.3,0.5", null)]
    [InlineData("1,1e-5,-1,.5", null)]
    [InlineData("1,0.2,\"0,3\",0.5", "winner_model_b")]
    [InlineData("1,0.2,0.3,NaN", "winner_tie")]
    [InlineData("1,1e400,0.3,0", "winner_model_a")]
    [InlineData("1,0.2,0.3,", "winner_tie")]
    public void Read_WantsNumbersInASample(string row, string? column)
    {
        var read = Read($"id,winner_model_a,winner_model_b,winner_tie\n{row}\n", FileRole.Sample).Single();
        Assert.Equal(column, read.Issue?.Column);
        Assert.Equal("1", read.Id);
    }

    [Theory]
    [InlineData(Header, FileRole.Train)]
    [InlineData("id,prompt,response_a,response_b\n", FileRole.Test)]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie\n", FileRole.Sample)]
    [InlineData("id,text\n", null)]
    public void Guess_TellsTheRoleFromTheHeader(string text, FileRole? role)
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(role, PreferenceCsv.Guess(folder.Write("f.csv", text)));
    }

    [Theory]
    [InlineData("tr-TR")]
    [InlineData("de-DE")]
    [InlineData("fa-IR")]
    public void Read_DoesNotDependOnTheCultureOfTheProcess(string culture)
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
            Assert.Null(Read("id,winner_model_a,winner_model_b,winner_tie\nI,0.25,0.25,0.5\n", FileRole.Sample).Single().Issue);
            Assert.StartsWith(
                "2 turns, but the prompt has 1", Read($"{Header}9,m,n,[null],\"[null,null]\",[null],1,0,0\n").Single().Repair!.Reason,
                StringComparison.Ordinal);
            Assert.Equal(Winner.ModelB, Read($"{Header}9,m,n,[null],[null],[null],0.0,1.0,0.0\n").Single().Battle!.Winner);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Read_StopsWhenCancelled()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var path = folder.Write(
            "f.csv",
            "id,prompt,response_a,response_b\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},[null],[null],[null]\n")));
        var seen = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var _ in PreferenceCsv.Read(path, "f.csv", FileRole.Test, stop.Token))
            {
                if (++seen == 10) stop.Cancel();
            }
        });
        Assert.Equal(10, seen);
    }

    [Theory]
    [InlineData("train.csv", FileRole.Train)]
    [InlineData("test.csv", FileRole.Test)]
    [InlineData("sample_submission.csv", FileRole.Sample)]
    [InlineData("lmsys_sample_submission.csv", FileRole.Sample)]
    public void Read_AcceptsEveryRowOfTheRealFiles(string name, FileRole role)
    {
        var path = Places.Shared($"data/preferences/{name}");
        Assert.Equal(role, PreferenceCsv.Guess(path));
        var rows = PreferenceCsv.Read(path, name, role, TestContext.Current.CancellationToken).ToList();
        Assert.NotEmpty(rows);
        Assert.DoesNotContain(rows, row => row.Issue is not null);
    }

    [Theory]
    [InlineData("edge_cases_train.csv", FileRole.Train)]
    [InlineData("edge_cases_test.csv", FileRole.Test)]
    public void Read_AcceptsTheSixteenEdgeCasesAsTheirNotesSay(string name, FileRole role)
    {
        var rows = PreferenceCsv.Read(Places.Shared($"data/preferences/{name}"), name, role, TestContext.Current.CancellationToken).ToList();
        Assert.Equal(16, rows.Count);
        Assert.All(rows, row => Assert.Null(row.Issue));
        var cases = rows.ToDictionary(row => row.Id!, row => row.Battle!);
        Assert.Equal([null], cases["102"].ResponsesA);
        Assert.Equal([null], cases["102"].ResponsesB);
        Assert.Null(cases["103"].ResponsesA[0]);
        Assert.Equal(["a1", null, "a3"], cases["104"].ResponsesA);
        Assert.Equal(["b1", "b2", ""], cases["104"].ResponsesB);
        Assert.Equal("write \"lollipop\" reversed", cases["105"].Prompts[1]);
        Assert.Contains("\r\n", cases["106"].ResponsesA[0]!, StringComparison.Ordinal);
        Assert.Contains("\"]\"", cases["106"].ResponsesB[0]!, StringComparison.Ordinal);
        Assert.Contains("😀", cases["107"].Prompts[0]!, StringComparison.Ordinal);
        Assert.Contains(Texts(cases["108"]), text => text is not null && text.Any(char.IsSurrogate) && string.Concat(text.EnumerateRunes()) != text);
        Assert.All(Texts(cases["109"]), text => Assert.DoesNotContain("\\/", text!, StringComparison.Ordinal));
        Assert.Equal(cases["110"].ResponsesA, cases["110"].ResponsesB);
        Assert.Contains(Texts(cases["112"]), text => text!.Length > 131_072);
        Assert.Contains("4294947231", cases.Keys);
        Assert.Contains(Texts(cases["113"]), text => text is "null" or "[null]");
        Assert.Contains(Texts(cases["114"]), text => text!.Contains('\ufeff', StringComparison.Ordinal));
        Assert.Equal(["spaced", "list"], cases["115"].Prompts);
    }

    [Fact]
    public void BattlesWrittenInThisForm_ReadBackExactly()
    {
        var turn = Gen.OneOf(
            Gen.Const((string?)null), Gen.String.Select(s => (string?)s),
            Gen.String[Gen.Char["\"\\,\n\r[]\ud83dé "], 0, 8].Select(s => (string?)s));
        var battle = Gen.Int[1, 3].SelectMany(turns => Gen.Select(turn.Array[turns], turn.Array[turns], turn.Array[turns], Gen.Enum<Winner>()));
        using var folder = new TemporaryFolder();
        battle.Array[1, 5].Sample(
            battles =>
            {
                CsvOutput.Write(folder.At("f.csv"), Header.TrimEnd('\n').Split(','), battles.Select((b, i) => (string[])
                [
                    $"{i}", "m", "n", Turns.Write(b.Item1), Turns.Write(b.Item2), Turns.Write(b.Item3),
                    .. Enum.GetValues<Winner>().Select(w => b.Item4 == w ? "1" : "0"),
                ]));
                var read = PreferenceCsv.Read(folder.At("f.csv"), "f.csv", FileRole.Train).Select(row => row.Battle!).ToList();
                Assert.Equal(battles.Length, read.Count);
                foreach (var (wrote, got) in battles.Zip(read))
                {
                    Assert.Equal(wrote.Item1, got.Prompts);
                    Assert.Equal(wrote.Item2, got.ResponsesA);
                    Assert.Equal(wrote.Item3, got.ResponsesB);
                    Assert.Equal(wrote.Item4, got.Winner);
                }
            },
            iter: 100,
            threads: 1);
    }

    [Fact]
    public void ADamagedFile_GivesRowsWithReasonsOrIsRefusedAndNothingElse()
    {
        var good = System.Text.Encoding.UTF8.GetBytes(Header
            + "1,m,n,\"[\"\"p\\ud83d\"\",null]\",\"[\"\"a\"\",\"\"é\"\"]\",\"[null,\"\"\"\"]\",0,1,0\n2,m,n,[null],[null],[null],0,0,1\n");
        using var folder = new TemporaryFolder();
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.OneOf(Gen.Byte, Gen.Char["\"\\,\n\r[]01u;"].Select(c => (byte)c))).Array[1, 5].Sample(
            changes =>
            {
                byte[] bytes = [.. good];
                foreach (var (place, value) in changes) bytes[place] = value;
                try
                {
                    foreach (var row in PreferenceCsv.Read(folder.Write("f.csv", bytes), "f.csv", FileRole.Train))
                    {
                        Assert.True((row.Issue is null) != (row.Battle is null));
                        Assert.All(new[] { row.Issue?.Reason, row.Id }, text => Assert.NotEqual("", text));
                    }
                }
                catch (CsvRefusedException refusal)
                {
                    Assert.StartsWith("f.csv", refusal.Message, StringComparison.Ordinal);
                }
            },
            iter: 2000,
            threads: 1);
    }

    private static IEnumerable<string?> Texts(Battle battle) => battle.Prompts.Concat(battle.ResponsesA).Concat(battle.ResponsesB);

    private static List<ImportedRow> Read(string text, FileRole role = FileRole.Train)
    {
        using var folder = new TemporaryFolder();
        return PreferenceCsv.Read(folder.Write("f.csv", text), "f.csv", role, TestContext.Current.CancellationToken).ToList();
    }
}

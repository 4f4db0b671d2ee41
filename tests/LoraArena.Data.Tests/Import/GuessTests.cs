using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;

namespace LoraArena.Data.Tests.Import;

/// <summary>What a header tells, and what it must not be taken for.</summary>
public sealed class GuessTests
{
    private const string Texts = "id,prompt,response_a,response_b";

    [Theory]
    [InlineData("id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie", FileRole.Train)]
    [InlineData("\"id\",\"prompt\",\"response_a\",\"response_b\",\"winner_model_a\",\"winner_model_b\",\"winner_tie\"", FileRole.Train)]
    [InlineData("\ufeff\"id\",\"prompt\",\"response_a\",\"response_b\"", FileRole.Test)]
    [InlineData("language,id,scored,prompt,response_a,response_b", FileRole.Test)]
    [InlineData("winner_tie,id,winner_model_b,winner_model_a", FileRole.Sample)]
    [InlineData("id,text", null)]
    [InlineData("id,question,answer_1,answer_2,label", null)]
    public void Guess_TakesAHeaderThatNothingSpeaksAgainst(string header, FileRole? role) => Assert.Equal(role, Guess(header));

    [Theory]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\u00a0", "Rename 'winner_tie\\u00a0' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b,\"winner_tie\r\"", "Rename 'winner_tie\\u000d' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner\u200b_tie", "Rename 'winner\\u200b_tie' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\u3164", "Rename 'winner_tie\\u3164' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b, winner_tie", "Rename ' winner_tie' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b,Winner_Tie", "Rename 'Winner_Tie' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner-tie", "Rename 'winner-tie' to 'winner_tie'.")]
    [InlineData("id,prompt,response_a,response_b,winner_model_a,winner_model_b", "this column is missing: winner_tie")]
    [InlineData("id,prompt,response_a,response_b,winner", "'winner' looks like the label")]
    [InlineData("id,prompt,response_a,response_b,label", "'label' looks like the label")]
    [InlineData("id,prompt,response_a,response_b,Preferred", "'Preferred' looks like the label")]
    [InlineData("id,prompt,response_a,response_b,tie", "'tie' looks like the label")]
    [InlineData("id,model_a,model_b,prompt,response_a,response_b", "these columns are missing: winner_model_a, winner_model_b, winner_tie")]
    [InlineData("id,Model A,prompt,response_a,response_b", "Columns for labels or models make this train data")]
    [InlineData("id,model_a,model_b,Prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie", "Rename 'Prompt' to 'prompt'.")]
    [InlineData("\ufeff\ufeffid,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie", "Rename '\\ufeffid' to 'id'.")]
    [InlineData("ID,PROMPT,RESPONSE_A,RESPONSE_B,WINNER_MODEL_A,WINNER_MODEL_B,WINNER_TIE", "Rename 'ID' to 'id'. Rename 'PROMPT' to 'prompt'.")]
    [InlineData("id,model_a,model_b,question,winner_model_a,winner_model_b,winner_tie", "these columns are missing: prompt, response_a, response_b")]
    public void Guess_NeverTakesADamagedTrainFileForAnotherAndSaysWhatToRename(string header, string reason)
    {
        var refusal = Assert.Throws<CsvRefusedException>(() => Guess(header));
        Assert.StartsWith("f.csv, line 1: for a train file", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("the header is: ", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(refusal.Message, c => char.IsControl(c) || c is '\u00a0' or '\u200b' or '\ufeff' or '\u3164');
    }

    [Theory]
    [InlineData("id,prompt\u00a0,response_a,response_b", "for a test file this column is missing: prompt; the header is: id, prompt\\u00a0, response_a, response_b. Rename 'prompt\\u00a0' to 'prompt'.")]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie\u00a0", "for a sample file this column is missing: winner_tie; the header is")]
    [InlineData("Id,winner_model_a,winner_model_b,winner_tie", "Rename 'Id' to 'id'.")]
    public void Guess_SaysWhatToRenameInOtherFilesToo(string header, string reason)
        => Assert.Contains(reason, Assert.Throws<CsvRefusedException>(() => Guess(header)).Message, StringComparison.Ordinal);

    [Fact]
    public void ARoleThatIsNamed_IsNotGuessed()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("f.csv", Texts + ",winner\n1,[null],[null],[null],model_a\n");
        Assert.Null(PreferenceCsv.Read(path, "f.csv", FileRole.Test, TestContext.Current.CancellationToken).Single().Issue);
        Assert.Throws<CsvRefusedException>(() => PreferenceCsv.Read(path, "f.csv", FileRole.Train, TestContext.Current.CancellationToken).Count());
    }

    [Fact]
    public void Guess_NamesTheHeadersLineAfterOneThatNamesTheSeparator()
        => Assert.Equal(2, Assert.Throws<CsvRefusedException>(() => Guess("sep=;\nid;Prompt;response_a;response_b")).Line);

    private static FileRole? Guess(string header)
    {
        using var folder = new TemporaryFolder();
        return PreferenceCsv.Guess(folder.Write("f.csv", header + "\n"));
    }
}

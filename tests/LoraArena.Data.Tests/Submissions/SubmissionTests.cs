using LoraArena.Core.Battles;
using LoraArena.Data.Import;
using LoraArena.Data.Submissions;

namespace LoraArena.Data.Tests.Submissions;

public sealed class SubmissionTests
{
    private const string Header = "id,winner_model_a,winner_model_b,winner_tie\n";

    [Fact]
    public void Write_FollowsTheSampleByteForByteAndSumsToOne()
    {
        using var folder = new TemporaryFolder();
        SubmissionWriter.Write(
            folder.At("s.csv"), [Of("10", 0.2f, 0.3f, 0.5f), Of("=1+1", 2, 1, 1), Of("007", 0.1, 0.2, 0.7), Of("-5", 0.1, 0.2, 0.7)],
            ["=1+1", "007", "10"]);
        var lines = File.ReadAllText(folder.At("s.csv")).Split('\n');
        Assert.Equal("id,winner_model_a,winner_model_b,winner_tie", lines[0]);
        Assert.Equal("=1+1,0.5,0.25,0.25", lines[1]);
        Assert.StartsWith("007,", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("10,", lines[3], StringComparison.Ordinal);
        Assert.Equal(["",], lines[4..]);
        var report = SubmissionChecker.Check(folder.At("s.csv"), ["=1+1", "007", "10"]);
        Assert.True(report.Accepted, string.Join('\n', report.Errors));
        Assert.Contains("begins like a formula", Assert.Single(report.Warnings), StringComparison.Ordinal);
        Assert.Equal(3, report.Rows);
    }

    [Fact]
    public void Write_WithoutASampleTakesThePredictionsAsTheyCome()
    {
        using var folder = new TemporaryFolder();
        SubmissionWriter.Write(folder.At("s.csv"), [Of("2", 1, 0, 0), Of("1", 0.25, 0.25, 0.5)]);
        Assert.Equal(Header + "2,1,0,0\n1,0.25,0.25,0.5\n", File.ReadAllText(folder.At("s.csv")));
    }

    [Theory]
    [InlineData(double.NaN, 0.5, 0.5)]
    [InlineData(double.PositiveInfinity, 0.5, 0.5)]
    [InlineData(-0.1, 0.6, 0.5)]
    [InlineData(0, 0, 0)]
    public void Write_RefusesNumbersThatAreNoProbabilities(double a, double b, double tie)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            "row '1'", Assert.Throws<SubmissionException>(() => SubmissionWriter.Write(folder.At("s.csv"), [Of("1", a, b, tie)])).Message,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Write_RefusesASampleWithIdsThatAreNotPredicted()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<SubmissionException>(() => SubmissionWriter.Write(folder.At("s.csv"), [Of("1", 1, 1, 1)], ["1", "2", "3"]));
        Assert.Contains("2 rows of the sample submission have no prediction: 2, 3", error.Message, StringComparison.Ordinal);
        Assert.Throws<SubmissionException>(() => SubmissionWriter.Write(folder.At("s.csv"), [Of("1", 1, 1, 1), Of("1", 1, 1, 1)]));
        Assert.Throws<SubmissionException>(() => SubmissionWriter.Write(folder.At("s.csv"), []));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData("id,winner_model_b,winner_model_a,winner_tie\n1,0.2,0.3,0.5\n2,0.2,0.3,0.5\n", "The columns must be")]
    [InlineData(Header, "There are no rows")]
    [InlineData(Header + "1,0.2,0.3,0.5\n", "1 id is missing ('2')")]
    [InlineData(Header + "1,0.2,0.3,0.5\n1,0.2,0.3,0.5\n2,0.2,0.3,0.5\n", "1 id is there twice (line 3, id '1', first on line 2)")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,0.2,0.3,0.5\n3,0.2,0.3,0.5\n", "1 id is not one of those to be predicted (line 4, id '3')")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,NaN,0.3,0.5\n", "not a number (line 3, id '2': winner_model_a is 'NaN')")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,1e999,0.3,0.5\n", "not a number (line 3, id '2': winner_model_a is '1e999')")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,,0.3,0.5\n", "not a number (line 3, id '2': winner_model_a is '')")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,-0.1,0.6,0.5\n", "outside 0 to 1 (line 3, id '2': -0.1)")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,0.2,0.3,0.50002\n", "does not sum to 1 (line 3, id '2': 1.00002)")]
    [InlineData(Header + "1,0.2,0.3,0.5\n2,0.2,0.3\n", "does not have four cells (line 3, id '2': 3 cells)")]
    [InlineData("", "the file is empty")]
    [InlineData("sep=;\nid;winner_model_a;winner_model_b;winner_tie\n1;0.2;0.3;0.5\n2;0.2;0.3;0.5\n", "The first line names a separator")]
    [InlineData(Header + "1,\"0.2,0.3,0.5\n2,0.2,0.3,0.5\n", "never closed")]
    public void Check_NamesWhatKaggleWouldRefuse(string text, string error)
    {
        var report = Check(text);
        Assert.False(report.Accepted);
        Assert.Contains(report.Errors, e => e.Contains(error, StringComparison.Ordinal));
    }

    [Fact]
    public void Check_AcceptsSumsWithinAMillionthHoweverManyDigitsThereAre()
    {
        Assert.True(Check(Header + "1,0.2,0.3,0.5000009\n2,0.2,0.3,0.4999991\n").Accepted);
        Assert.False(Check(Header + "1,0.2,0.3,0.5000011\n2,0.2,0.3,0.5\n").Accepted);
    }

    [Theory]
    [InlineData("0.333333,0.333333,0.333333", false)]
    [InlineData("0.3333,0.3333,0.3333", false)]
    [InlineData("0.333,0.333,0.333", true)]
    [InlineData("0.33,0.33,0.33", true)]
    [InlineData("0.4,0.333,0.266", true)]
    [InlineData("0.667,0.167,0.167", true)]
    [InlineData("3.333e-01,3.333e-01,3.333e-01", false)]
    [InlineData("3.33E-1,3.33E-1,3.33E-1", true)]
    [InlineData("0.2,0.3,0.50001", false)]
    [InlineData("2.5e-1,2.5e-1,5e-1", false)]
    [InlineData(".25,.25,.5", false)]
    public void Check_AcceptsRowsThatWereRoundedToTheirDigits(string row, bool noted)
    {
        var report = Check($"{Header}1,{row}\n2,0.2,0.3,0.5\n");
        Assert.True(report.Accepted, string.Join('\n', report.Errors));
        if (noted) Assert.Contains("1 row is written with three digits or fewer", Assert.Single(report.Warnings), StringComparison.Ordinal);
        else Assert.Empty(report.Warnings);
    }

    [Theory]
    [InlineData("0.333,0.333,0.332", "0.998")]
    [InlineData("0.3333,0.3333,0.3336", "1.0002")]
    [InlineData("0.333333,0.333333,0.333331", "0.999997")]
    [InlineData("3.33e-01,3.33e-01,3.32e-01", "0.998")]
    [InlineData("0.5,0.5,0.5", "1.5")]
    [InlineData("0.3,0.4,0.4", "1.1")]
    [InlineData("0.3,0.3,0.3", "0.9")]
    [InlineData("1,1,0", "2")]
    [InlineData("0,0,0", "0")]
    public void Check_RefusesSumsThatRoundingDoesNotExplain(string row, string sum)
    {
        var report = Check($"{Header}1,{row}\n2,0.2,0.3,0.5\n");
        Assert.Equal($"1 row does not sum to 1 (line 2, id '1': {sum}).", Assert.Single(report.Errors));
    }

    [Fact]
    public void Check_HintsAtPercentAndAtIdsThatWereMadeNumbers()
    {
        Assert.Contains(Check(Header + "1,20,30,50\n2,0.2,0.3,0.5\n").Errors, error => error.Contains("write 0.25, not 25 or 25%", StringComparison.Ordinal));
        Assert.Contains(
            Check(Header + "1,20%,30%,50%\n2,0.2,0.3,0.5\n").Errors,
            error => error.Contains("write 0.25, not 25 or 25%", StringComparison.Ordinal));
        var errors = Check(Header + "1.0,0.2,0.3,0.5\n2.0,0.2,0.3,0.5\n").Errors;
        Assert.Contains("keep the id column as text", errors[0], StringComparison.Ordinal);
        Assert.Equal("2 ids are missing ('1'; '2').", errors[1]);
    }

    [Theory]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie,note\n1,0.2,0.3,0.5,x\n", "winner_tie, note.")]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie\u00a0\n1,0.2,0.3,0.5\n", "winner_tie\\u00a0.")]
    [InlineData("\ufeff\ufeffid,winner_model_a,winner_model_b,winner_tie\n1,0.2,0.3,0.5\n", "\\ufeffid, winner_model_a")]
    public void Check_ShowsAHeaderThatIsNotTheRightOne(string text, string shown)
        => Assert.Contains(
            shown, Assert.Single(Check(text).Errors, error => error.StartsWith("The columns must be", StringComparison.Ordinal)),
            StringComparison.Ordinal);

    [Fact]
    public void Check_CountsAllAndShowsTheFirstFew()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("s.csv", Header + string.Concat(Enumerable.Range(0, 20).Select(i => $"{i},2,0.3,0.5\n")));
        Assert.StartsWith(
            "20 rows have a number outside 0 to 1 (line 2, id '0': 2; line 3, id '1': 2; line 4, id '2': 2; line 5, id '3': 2; line 6, id '4': 2; …)",
            SubmissionChecker.Check(path, [.. Enumerable.Range(0, 20).Select(i => $"{i}")]).Errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Check_WarnsOfZerosOfEqualRowsAndOfOtherMeans()
    {
        Assert.Contains(
            "a zero on a true class can cost 36 per row", Assert.Single(Check(Header + "1,0,0.5,0.5\n2,0.2,0.3,0.5\n").Warnings),
            StringComparison.Ordinal);
        Assert.Equal(["All rows are the same."], Check(Header + "1,0.2,0.3,0.5\n2,0.2,0.3,0.5\n").Warnings);
        var warnings = Check(Header + "1,0.2,0.3,0.5\n2,0.1,0.4,0.5\n", new Probabilities(0.5, 0.35, 0.15)).Warnings;
        Assert.Equal(2, warnings.Count);
        Assert.Contains("The mean of winner_model_a is 0.150 here and 0.500 on the validation rows", warnings[0], StringComparison.Ordinal);
        Assert.Empty(Check(Header + "1,0.2,0.3,0.5\n2,0.1,0.4,0.5\n", new Probabilities(0.2, 0.35, 0.45)).Warnings);
    }

    [Fact]
    public void Check_AcceptsTheRealSampleSubmission()
    {
        var path = Places.Shared("data/preferences/sample_submission.csv");
        var ids = PreferenceCsv.Read(path, "sample_submission.csv", Core.Competitions.FileRole.Sample, TestContext.Current.CancellationToken)
            .Select(row => row.Id!)
            .ToList();
        var report = SubmissionChecker.Check(path, ids);
        Assert.True(report.Accepted, string.Join('\n', report.Errors));
        Assert.Equal(ids.Count, report.Rows);
    }

    private static SubmissionReport Check(string text, Probabilities? mean = null)
    {
        using var folder = new TemporaryFolder();
        return SubmissionChecker.Check(folder.Write("s.csv", text), ["1", "2"], mean);
    }

    private static Prediction Of(string id, double a, double b, double tie) => new(id, new Probabilities(a, b, tie), null, "g");
}

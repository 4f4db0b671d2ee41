using System.Text.Json;
using LoraArena.Core.Json;
using LoraArena.Data.Splits;

namespace LoraArena.Data.Tests.Splits;

public sealed class SplitTests
{
    private static Split TwoSides { get; } = new("mine", SplitKind.File, null, ["1", "2"], ["3"], null);

    private static Split ThreeFolds { get; } = new("3 folds", SplitKind.Folds, 5, null, null, [["1"], ["2", "3"], ["4"]]);

    [Fact]
    public void Assign_GivesTheSidesOrTheFoldThatValidates()
    {
        var (train, validation) = TwoSides.Assign(null);
        Assert.Equal(["1", "2"], train);
        Assert.Equal(["3"], validation);
        (train, validation) = ThreeFolds.Assign(1);
        Assert.Equal(["1", "4"], train);
        Assert.Equal(["2", "3"], validation);
    }

    [Fact]
    public void Assign_RefusesAFoldThatIsNotThere()
    {
        Assert.Contains("has no folds", Assert.Throws<SplitException>(() => TwoSides.Assign(0)).Message, StringComparison.Ordinal);
        Assert.Contains("say which one", Assert.Throws<SplitException>(() => ThreeFolds.Assign(null)).Message, StringComparison.Ordinal);
        Assert.Contains("folds 0 to 2, not 3", Assert.Throws<SplitException>(() => ThreeFolds.Assign(3)).Message, StringComparison.Ordinal);
        Assert.Throws<SplitException>(() => ThreeFolds.Assign(-1));
    }

    [Fact]
    public void Check_RefusesEmptySidesAndIdsThatAreThereTwice()
    {
        (Split Split, string Reason)[] bad =
        [
            (TwoSides with { Validation = [] }, "validation is empty"), (TwoSides with { Train = [] }, "train is empty"),
            (TwoSides with { Validation = ["2"] }, "id '2' is in train and in validation"), (TwoSides with { Train = ["1", "1"] }, "id '1' is twice in train"),
            (TwoSides with { Validation = null }, "needs either"), (ThreeFolds with { Folds = [["1"]] }, "needs either"),
            (ThreeFolds with { Folds = [["1"], ["2", "1"]] }, "id '1' is in fold 0 and in fold 1"),
        ];
        Assert.All(bad, one => Assert.Contains(one.Reason, Assert.Throws<SplitException>(one.Split.Check).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Id_IsThatOfTheContentAndSurvivesTheFile()
    {
        foreach (var split in new[] { TwoSides, ThreeFolds })
        {
            var read = JsonSerializer.Deserialize<Split>(JsonSerializer.SerializeToUtf8Bytes(split, ArenaJson.Indented), ArenaJson.Indented)!;
            Assert.Equal(split.Id, read.Id);
            Assert.True(Split.IsId(split.Id));
        }

        Assert.NotEqual(TwoSides.Id, (TwoSides with { Validation = ["4"] }).Id);
        Assert.Contains(
            "\"kind\":\"hold_out\"", JsonSerializer.Serialize(TwoSides with { Kind = SplitKind.HoldOut }, ArenaJson.Line),
            StringComparison.Ordinal);
    }

    [Fact]
    public void File_IsReadWithIdsAsTextsOrNumbers()
    {
        var (split, warnings) = Read("""{"train": ["1", 2], "validation": [3], "note": "x"}""");
        Assert.Equal(["1", "2"], split.Train);
        Assert.Equal(["3"], split.Validation);
        Assert.Empty(warnings);
        Assert.Equal(split.Id, Read("\ufeff{\"train\": [\"1\", 2], \"validation\": [3]}").Split.Id);
    }

    [Fact]
    public void File_WithAPromptOnBothSidesGivesAWarningThatNamesTheRows()
    {
        var (_, warnings) = Read("""{"train": ["1", "2"], "validation": ["3", "4", "5"]}""");
        Assert.Contains("2 validation rows have their prompt in train too", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.EndsWith(": 4, 5", warnings[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"train": ["1"], "validation": ["7", "8", "2"]}""", "2 ids are not in the training data: 7, 8")]
    [InlineData("""{"train": ["1"], "validation": ["1"]}""", "id '1' is in train and in validation")]
    [InlineData("""{"train": ["1"], "validation": []}""", "validation is empty")]
    [InlineData("""{"train": ["1"]}""", "there is no list 'validation'")]
    [InlineData("""["1"]""", "there is no list 'train'")]
    [InlineData("""{"train": [null], "validation": ["1"]}""", "train[0] is neither a text nor a number")]
    [InlineData("""{"train": ["\ud83d"], "validation": ["1"]}""", "train[0] is not valid Unicode")]
    [InlineData("id\n1\n", "not JSON")]
    public void File_ThatDoesNotFitIsRefusedWithTheReason(string text, string reason)
        => Assert.Contains(reason, Assert.Throws<SplitException>(() => Read(text)).Message, StringComparison.Ordinal);

    private static (Split Split, IReadOnlyList<string> Warnings) Read(string text)
    {
        using var folder = new TemporaryFolder();
        return SplitFile.Read(
            folder.Write("split.json", text),
            "mine",
            new[] { Some.Battle("1", "one"), Some.Battle("2", "two"), Some.Battle("3", "three"), Some.Battle("4", " ONE"), Some.Battle("5", "Two ") }.Select(LabelledRow.Of));
    }
}

using CsCheck;
using LoraArena.Core.Battles;
using LoraArena.Data.Splits;
using LoraArena.Starter;

namespace LoraArena.Data.Tests.Splits;

public sealed class GroupedStratifiedTests
{
    private static IReadOnlyList<Battle> Starter { get; } = [.. StarterGenerator.Train(1, 2000).Select(row => row.Battle)];

    /// <summary>Battles of up to thirty prompts, some asked often, with any labels; at least two prompts.</summary>
    private static Gen<Battle[]> Battles { get; } =
        Gen.Select(Gen.OneOf(Gen.Int[0, 3], Gen.Int[4, 30]), Gen.Int[0, 2]).Array[1, 80]
            .Select(rows => rows.Select((row, i) => Some.Battle($"{i}", $"prompt {row.Item1}", winner: (Winner)row.Item2))
                .Append(Some.Battle("x", "x"))
                .Append(Some.Battle("y", "y"))
                .ToArray());

    [Fact]
    public void AnySplit_HasEveryRowOnceAndNoPromptOnTwoSides()
        => Gen.Select(Battles, Gen.Int[2, 5], Gen.Long).Sample(
            (battles, count, seed) =>
            {
                var prompts = battles.Select(PromptGroup.Key).Distinct().Count();
                var splits = new List<Split> { GroupedStratified.HoldOut(battles, 0.2, seed) };
                if (prompts >= count) splits.Add(GroupedStratified.Folds(battles, count, seed));
                else Assert.Throws<SplitException>(() => GroupedStratified.Folds(battles, count, seed));
                foreach (var split in splits)
                {
                    split.Check();
                    IReadOnlyList<string>[] sides = split.Folds is { } folds ? [.. folds] : [split.Train!, split.Validation!];
                    Assert.Equal(battles.Select(b => b.Id).Order(), sides.SelectMany(ids => ids).Order());
                    var group = battles.ToDictionary(b => b.Id, PromptGroup.Key);
                    Assert.Equal(prompts, sides.Sum(ids => ids.Select(id => group[id]).Distinct().Count()));
                }
            },
            iter: 300,
            threads: 1);

    [Fact]
    public void HoldOut_KeepsItsShareAndTheSharesOfTheLabels()
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var (train, validation) = GroupedStratified.HoldOut(Starter, 0.2, seed).Assign(null);
            Assert.InRange(validation.Count, 398, 402);
            AssertSameShares(train, validation, 0.005);
        }
    }

    [Fact]
    public void Folds_AreOfOneSizeAndHaveTheSameSharesOfTheLabels()
    {
        var split = GroupedStratified.Folds(Starter, 5, 3);
        for (var k = 0; k < 5; k++)
        {
            var (train, validation) = split.Assign(k);
            Assert.InRange(validation.Count, 398, 402);
            Assert.Equal(2000, train.Count + validation.Count);
            AssertSameShares(train, validation, 0.006);
        }
    }

    [Fact]
    public void HoldOut_IsTheSameForTheSameSeedOnEveryMachineAndAnotherForAnother()
    {
        var split = GroupedStratified.HoldOut(Starter, 0.2, 7);
        Assert.Equal(split.Id, GroupedStratified.HoldOut(Starter, 0.2, 7).Id);
        Assert.NotEqual(split.Validation, GroupedStratified.HoldOut(Starter, 0.2, 8).Validation);

        // Noted once; another value means that old runs can no longer be compared with new ones.
        Assert.Equal("7ce1f2da9f05b05d", split.Id);
    }

    [Fact]
    public void HoldOut_OfOnePromptIsRefused()
        => Assert.Contains(
            "different prompts",
            Assert.Throws<SplitException>(() => GroupedStratified.HoldOut([Some.Battle("1"), Some.Battle("2")])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void RealData_IsSplitWithinATenthOfAPercent()
    {
        var rows = Data.Import.PreferenceCsv.Read(
            Places.Shared("data/preferences/train.csv"), "train.csv", Core.Competitions.FileRole.Train,
            TestContext.Current.CancellationToken);
        var battles = rows.Select(row => row.Battle!).ToList();
        var split = GroupedStratified.HoldOut(battles);
        Assert.InRange((double)split.Validation!.Count / battles.Count, 0.199, 0.201);
        var group = battles.ToDictionary(b => b.Id, PromptGroup.Key);
        Assert.Empty(split.Train!.Select(id => group[id]).Intersect(split.Validation.Select(id => group[id])));
    }

    private static void AssertSameShares(IReadOnlyList<string> train, IReadOnlyList<string> validation, double tolerance)
    {
        var winner = Starter.ToDictionary(b => b.Id, b => b.Winner);
        foreach (var label in Enum.GetValues<Winner>())
        {
            var (x, y) = (train.Average(id => winner[id] == label ? 1.0 : 0), validation.Average(id => winner[id] == label ? 1.0 : 0));
            Assert.InRange(x - y, -tolerance, tolerance);
        }
    }
}

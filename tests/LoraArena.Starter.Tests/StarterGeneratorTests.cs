using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Core.Metrics;
using LoraArena.Starter;

namespace LoraArena.Starter.Tests;

public sealed class StarterGeneratorTests
{
    private const long CommittedSeed = 1;

    [Theory]
    [InlineData("")]
    [InlineData("tr-TR")]
    [InlineData("fa-IR")]
    public void Write_MakesTheCommittedFilesByteForByteUnderAnyCulture(string culture)
    {
        using var folder = new TemporaryFolder();
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
            StarterGenerator.Write(folder.Path, CommittedSeed);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        foreach (var name in new[] { "train.csv", "test.csv", "sample_submission.csv" })
        {
            var committed = Path.Join(Places.Repository, "data", "competitions", "starter", name);
            Assert.True(File.ReadAllBytes(committed).AsSpan().SequenceEqual(File.ReadAllBytes(folder.At(name))), $"{name} differs from the committed file");
        }
    }

    [Fact]
    public void Write_MakesOtherFilesFromAnotherSeed()
    {
        var first = StarterGenerator.Train(1, 50).Select(row => row.Battle.Prompts[0]);
        var second = StarterGenerator.Train(2, 50).Select(row => row.Battle.Prompts[0]);
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Train_SharesNoIdAndNoTurnOfAPromptWithTest()
    {
        var train = StarterGenerator.Train(CommittedSeed, 2000).Select(row => row.Battle).ToList();
        var test = StarterGenerator.Test(CommittedSeed, 500).Select(row => row.Battle).ToList();
        Assert.Empty(train.Select(b => b.Id).Intersect(test.Select(b => b.Id)));
        Assert.Empty(train.SelectMany(b => b.Prompts)
            .Select(p => PromptGroup.Normalize(p!))
            .Intersect(test.SelectMany(b => b.Prompts).Select(p => PromptGroup.Normalize(p!))));
        Assert.Equal(2500, train.Concat(test).Select(b => b.Id).Distinct().Count());
    }

    [Fact]
    public void Train_HasTheMixThatItsDescriptionPromises()
    {
        var battles = StarterGenerator.Train(CommittedSeed, 2000).Select(row => row.Battle).ToList();
        Assert.InRange(battles.Average(b => b.Winner == Winner.Tie ? 1.0 : 0), 0.23, 0.30);
        Assert.InRange(battles.Average(b => b.Prompts.Count > 1 ? 1.0 : 0), 0.12, 0.18);
        Assert.Equal(8, battles.SelectMany(b => new[] { b.ModelA, b.ModelB }).Distinct().Count());
        Assert.Contains(battles, b => b.ResponsesA.Contains(null));
        Assert.True(battles.GroupBy(PromptGroup.Key).Max(group => group.Count()) <= 20, "one prompt dominates");
        Assert.InRange(battles.Select(PromptGroup.Key).Distinct().Count(), 1400, 1800);
        Assert.All(battles, b => Assert.True(b.Prompts.Count == b.ResponsesA.Count && b.Prompts.Count == b.ResponsesB.Count && b.ModelA != b.ModelB));
    }

    [Fact]
    public void Winners_FollowTheTruthThatTheyWereDrawnFrom()
    {
        var rows = StarterGenerator.Train(CommittedSeed, 2000);
        var losses = rows.Select(row => LogLoss.OfRow(row.Truth, row.Battle.Winner!.Value)).ToList();
        var expected = rows.Select(row => -(Plog(row.Truth.A) + Plog(row.Truth.B) + Plog(row.Truth.Tie))).ToList();

        // The loss of the truth is its entropy, up to the chance of the draw: its standard error here is 0.014.
        Assert.InRange(losses.Average() - expected.Average(), -0.042, 0.042);
        Assert.InRange(losses.Average(), 0.75, 0.9);

        static double Plog(double p) => p * Math.Log(p);
    }
}

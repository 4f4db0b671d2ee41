using CsCheck;
using LoraArena.Core.Battles;
using LoraArena.Data.Csv;
using LoraArena.Data.Predictions;

namespace LoraArena.Data.Tests.Predictions;

public sealed class PredictionFileTests
{
    [Fact]
    public void WhatIsWritten_ReadsBackAsTheSameDoublesAndIds()
    {
        var id = Gen.OneOf(Gen.String[Gen.Char["0a,\"\n\r =+é"], 1, 6], Gen.UInt.Select(n => $"{n}"));
        var prediction = Gen.Select(id, Gen.Double[0, 1], Gen.Double[0, 1], Gen.Double, Gen.Int[0, 3], Gen.String[Gen.Char["0123456789abcdef"], 0, 16])
            .Select((i, a, b, tie, winner, group) => new Prediction(i, new Probabilities(a, b, tie), winner == 3 ? null : (Winner)winner, group));
        using var folder = new TemporaryFolder();
        prediction.Array[1, 10].Sample(
            predictions =>
            {
                PredictionFile.Write(folder.At("p.csv"), predictions);
                Assert.Equal(predictions, PredictionFile.Read(folder.At("p.csv")));
            },
            iter: 100,
            threads: 1);
    }

    [Fact]
    public void TheFile_HasTheDocumentedForm()
    {
        using var folder = new TemporaryFolder();
        PredictionFile.Write(
            folder.At("p.csv"),
            [new Prediction("7", new Probabilities(0.1, 1.0 / 3, 5e-324), Winner.Tie, "ab"), new Prediction("a,b", Probabilities.Uniform, null, "")]);
        Assert.Equal(
            "id,winner_model_a,winner_model_b,winner_tie,winner,group\n7,0.1,0.3333333333333333,5E-324,tie,ab\n\"a,b\",0.3333333333333333,0.3333333333333333,0.3333333333333333,,\n",
            File.ReadAllText(folder.At("p.csv")));
    }

    [Theory]
    [InlineData("id,a\n1,2\n", "line 1")]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie,winner,group\n1,0.1,0.2\n", "line 2: the row has 3 cells")]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie,winner,group\n1,0.1,0.2,x,tie,g\n", "line 2: 'x' is not a number")]
    [InlineData("id,winner_model_a,winner_model_b,winner_tie,winner,group\n1,0.1,0.2,0.7,both,g\n", "line 2: winner 'both'")]
    public void AFileOfAnotherForm_IsRefusedWithThePlace(string text, string reason)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            reason, Assert.Throws<CsvRefusedException>(() => PredictionFile.Read(folder.Write("p.csv", text)).ToList()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AFailingWrite_LeavesTheOldFile()
    {
        using var folder = new TemporaryFolder();
        PredictionFile.Write(folder.At("p.csv"), [new Prediction("1", Probabilities.Uniform, null, "g")]);
        var before = File.ReadAllBytes(folder.At("p.csv"));
        Assert.Throws<InvalidOperationException>(() => PredictionFile.Write(folder.At("p.csv"), Failing()));
        Assert.Equal(before, File.ReadAllBytes(folder.At("p.csv")));
        Assert.Single(Directory.GetFiles(folder.Path));

        static IEnumerable<Prediction> Failing()
        {
            yield return new Prediction("2", Probabilities.Uniform, null, "g");
            throw new InvalidOperationException("no more");
        }
    }
}

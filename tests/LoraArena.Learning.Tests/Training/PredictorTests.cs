using LoraArena.Core.Battles;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Training;

namespace LoraArena.Learning.Tests.Training;

public sealed class PredictorTests
{
    private const double Tolerance = 1e-6;

    public static TheoryData<string> Models => ["bert-tiny", "llama-tiny"];

    [Theory]
    [MemberData(nameof(Models))]
    public void WithTheAverage_ExchangedAnswersExchangeTheColumns(string fixture)
    {
        using var model = Trained(fixture);
        var (there, back) = (Predict(model, true, 8192, Battles), Predict(model, true, 8192, Exchanged));
        foreach (var (one, other) in there.Zip(back)) AssertClose(one, other.Swapped(), Tolerance);

        // The negative control: without it the order of the answers matters.
        Assert.Contains(Predict(model, false, 8192, Battles).Zip(Predict(model, false, 8192, Exchanged)), p => Math.Abs(p.First.A - p.Second.B) > 0.01);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void TheAverage_IsTheMeanOfBothOrders(string fixture)
    {
        using var model = Trained(fixture);
        var (first, second, average) = (Predict(model, false, 8192, Battles), Predict(model, false, 8192, Exchanged), Predict(model, true, 8192, Battles));
        for (var i = 0; i < Battles.Count; i++)
        {
            AssertClose(
                new Probabilities((first[i].A + second[i].B) / 2, (first[i].B + second[i].A) / 2, (first[i].Tie + second[i].Tie) / 2),
                average[i], Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Predictions_AreProbabilities_InTheRowsOrder_HoweverTheyAreBatched(string fixture)
    {
        using var model = Trained(fixture);
        var predictions = new Predictor(model, TinyTraining.Packer(), true, 8192).Predict(Battles);
        Assert.Equal(Battles.Select(b => (b.Id, b.Winner, b.Group)), predictions.Select(p => (p.Id, p.Winner, p.Group)));
        Assert.All(predictions, p => Assert.Equal(1, p.Probabilities.A + p.Probabilities.B + p.Probabilities.Tie, 12));
        Assert.All(predictions, p => Assert.True(p.Probabilities is { A: > 0, B: > 0, Tie: > 0 }));

        // One row at a time, the same numbers but for the order of additions.
        foreach (var (one, other) in predictions.Zip(Predict(model, true, 1, Battles))) AssertClose(other, one.Probabilities, 1e-5);
        Assert.Empty(new Predictor(model, TinyTraining.Packer(), true, 8192).Predict([]));
    }

    [Fact]
    public void WhereMemoryIsNotEnough_FewerRowsGoThroughAtOnce_WithTheSameResult()
    {
        using var model = Trained("bert-tiny");
        var predictor = new Predictor(model, TinyTraining.Packer(), true, 8192)
        {
            BeforeMicroBatch = tokens =>
            {
                if (tokens > 100) MemoryTests.RunOutOfMemory();
            },
        };
        foreach (var (one, other) in predictor.Predict(Battles).Zip(Predict(model, true, 8192, Battles))) AssertClose(other, one.Probabilities, 1e-5);

        // One row alone cannot be less.
        predictor.BeforeMicroBatch = _ => MemoryTests.RunOutOfMemory();
        Assert.True(OutOfMemory.Is(Assert.ThrowsAny<Exception>(() => predictor.Predict(Battles))));
    }

    [Fact]
    public void AModelThatHasLearnt_PredictsTheBetterAnswer()
    {
        using var model = TinyTraining.Model("llama-tiny", "lora");
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 60, BatchSize = 18 });
        var predictions = new Predictor(model, TinyTraining.Packer(), true, 8192).Predict(TinyTraining.Battles(18));
        Assert.True(predictions.Average(p => p.Probabilities[p.Winner!.Value]) > 0.6);
    }

    [Fact]
    public void APredictionThatIsToldToStop_Stops()
    {
        using var model = TinyTraining.Model("bert-tiny", "lora");
        var asked = 0;
        Assert.Throws<OperationCanceledException>(() => new Predictor(model, TinyTraining.Packer(), false, 1).Predict(Battles, () => ++asked == 3));
        Assert.Equal(3, asked);
    }

    private static IReadOnlyList<TokenizedBattle> Battles { get; } = TinyTraining.Battles(9, seed: 4);

    private static IReadOnlyList<TokenizedBattle> Exchanged { get; } = [.. Battles.Select(b => b with { A = b.B, B = b.A })];

    private static PreferenceModel Trained(string fixture)
    {
        var model = TinyTraining.Model(fixture, "lora");
        TinyTraining.Train(model, TinyTraining.Options with { SwapInTraining = false });
        return model;
    }

    private static List<Probabilities> Predict(PreferenceModel model, bool average, int maxTokens, IReadOnlyList<TokenizedBattle> battles)
        => [.. new Predictor(model, TinyTraining.Packer(), average, maxTokens).Predict(battles).Select(p => p.Probabilities)];

    private static void AssertClose(Probabilities expected, Probabilities actual, double tolerance)
    {
        Assert.Equal(expected.A, actual.A, tolerance);
        Assert.Equal(expected.B, actual.B, tolerance);
        Assert.Equal(expected.Tie, actual.Tie, tolerance);
    }
}
